import { formatJson } from './format-json.ts';
import { type Answer, type Call, contains, DemoError, send } from './http.ts';

/** One step: a call and its expected answer. */
export interface Step<T> extends Call {
  /** The person whose access token it sends. */
  by?: Person;
  /** The expected status. */
  expect: number;
  /** What the body must contain. */
  expectBody?: unknown;
  /** The part of the body to print (default: all of it). */
  show?: (body: T) => unknown;
}

export interface Person {
  name: string;
  email: string;
  password: string;
  token?: string;
}

export type Print = (text: string) => void;

/** Prints the demo: each step as a sentence, with its call and its answer. */
export function createNarrator(base: string, print: Print) {
  let steps = 0;

  const chapter = (title: string) => print(`\n${title}\n${'='.repeat(title.length)}\n`);

  /**
   * Makes a step and prints it.
   * @returns the body of the answer.
   * @throws DemoError if the answer is not as expected.
   */
  async function step<T = unknown>(sentence: string, options: Step<T>): Promise<T> {
    steps += 1;
    print(`\n${steps}. ${sentence}\n\n${indent(formatCall(options))}\n`);
    const answer = await send(base, { ...options, token: options.by?.token });
    requireExpected(steps, options, answer);
    const body = answer.body === undefined ? '' : formatJson(options.show?.(answer.body as T) ?? answer.body);
    print(`${indent(`→ ${answer.status} ${body}`.trimEnd())}\n`);
    return answer.body as T;
  }

  return { chapter, step, countSteps: () => steps };
}

function formatCall({ method, path, body, by }: Step<never>): string {
  const caller = by?.token === undefined ? '' : `   (as ${by.name})`;
  return `${method} ${path}${caller}${body === undefined ? '' : `\n${formatJson(body)}`}`;
}

function requireExpected(number: number, { expect, expectBody }: Step<never>, { status, body }: Answer): void {
  if (status === expect && (expectBody === undefined || contains(body, expectBody))) return;
  const expected = `${expect}${expectBody === undefined ? '' : ` with ${formatJson(expectBody)}`}`;
  throw new DemoError(
    `Step ${number}: expected ${expected}\nbut got ${status} ${body === undefined ? '' : formatJson(body)}`,
  );
}

const indent = (text: string) => text.replaceAll(/^/gm, '     ');
