import { isDeepStrictEqual } from 'node:util';

/** Something that the demo did not expect. Its message is for the person who runs it. */
export class Surprise extends Error {}

export interface Call {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body?: unknown;
  token?: string | undefined;
}

export interface Answer {
  status: number;
  /** Undefined where the answer has no body. */
  body: unknown;
}

/** Milliseconds until an answer is given up on. */
const patience = 10_000;

/** Makes one call. @throws Surprise where nobody answers, or the answer is not JSON. */
export async function send(base: string, { method, path, body, token }: Call): Promise<Answer> {
  const headers = {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(patience);
  try {
    const response = await fetch(new URL(path, base), { method, headers, signal, ...content });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  } catch (error) {
    throw new Surprise(`${method} ${path} got no answer that can be read: ${reasonOf(error as Error)}.`);
  }
}

/** Node says "fetch failed", and why in the cause. */
function reasonOf(error: Error): string {
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}

/** Whether all that is expected is in what there is. A list matches where each entry does, in order, and none is left over. */
export function contains(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return isDeepStrictEqual(actual, expected);
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(expected) && (actual as unknown[]).length !== expected.length) return false;
  return Object.entries(expected).every(([key, it]) => contains((actual as Record<string, unknown>)[key], it));
}
