import { type Answer, type Call, contains, Surprise, send } from './http.ts';
import { layOut } from './lay-out.ts';

/** One step of the story. */
export interface Step<T> extends Call {
  /** Whose access token it carries. */
  by?: Person;
  /** What the answer must be, and what its body must hold. */
  expect: number;
  holding?: unknown;
  /** The part of the answer that is worth reading; all of it unless said. */
  show?: (body: T) => unknown;
}

export interface Person {
  name: string;
  email: string;
  password: string;
  token?: string;
}

export type Print = (text: string) => void;

/** Tells a story: each step as a sentence, the call that makes it, and what it was answered. */
export function createTeller(base: string, print: Print) {
  let told = 0;

  const chapter = (title: string) => print(`\n${title}\n${'='.repeat(title.length)}\n`);

  /** Makes a step and prints it. @returns the body of the answer. @throws Surprise where it is not the answer expected. */
  async function tell<T = unknown>(sentence: string, step: Step<T>): Promise<T> {
    told += 1;
    print(`\n${told}. ${sentence}\n\n${indented(callInWords(step))}\n`);
    const answer = await send(base, { ...step, token: step.by?.token });
    requireExpected(told, step, answer);
    const shown = answer.body === undefined ? '' : layOut(step.show?.(answer.body as T) ?? answer.body);
    print(`${indented(`→ ${answer.status} ${shown}`.trimEnd())}\n`);
    return answer.body as T;
  }

  return { chapter, tell, steps: () => told };
}

function callInWords({ method, path, body, by }: Step<never>): string {
  const whose = by?.token === undefined ? '' : `   (as ${by.name})`;
  return `${method} ${path}${whose}${body === undefined ? '' : `\n${layOut(body)}`}`;
}

function requireExpected(number: number, { expect, holding }: Step<never>, { status, body }: Answer): void {
  if (status === expect && (holding === undefined || contains(body, holding))) return;
  const wanted = `${expect}${holding === undefined ? '' : ` with ${layOut(holding)}`}`;
  throw new Surprise(
    `Step ${number} should have been answered ${wanted}\nand was answered ${status} ${body === undefined ? '' : layOut(body)}`,
  );
}

const indented = (text: string) => text.replaceAll(/^/gm, '     ');
