import { isDeepStrictEqual } from 'node:util';

/** Stops the demo. The message is for the person who runs it. */
export class DemoError extends Error {}

export interface Call {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body?: unknown;
  token?: string | undefined;
}

export interface Answer {
  status: number;
  /** Undefined if the answer has no body. */
  body: unknown;
}

/** Milliseconds. */
const timeout = 10_000;

/** Makes one call. @throws DemoError if there is no answer, or if it is not JSON. */
export async function send(base: string, { method, path, body, token }: Call): Promise<Answer> {
  const headers = {
    accept: 'application/json',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const signal = AbortSignal.timeout(timeout);
  try {
    const response = await fetch(new URL(path, base), { method, headers, signal, ...content });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  } catch (error) {
    throw new DemoError(`${method} ${path} failed: ${reasonOf(error as Error)}.`);
  }
}

/** The message of Node's fetch is only "fetch failed": its cause has the reason. */
function reasonOf(error: Error): string {
  const cause = error.cause as { code?: string; message?: string } | undefined;
  return cause?.code ?? cause?.message ?? error.message;
}

/**
 * Whether a value contains everything that is expected. Lists must have the same length and order.
 */
export function contains(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== 'object' || expected === null) return isDeepStrictEqual(actual, expected);
  if (typeof actual !== 'object' || actual === null) return false;
  if (Array.isArray(expected) && (actual as unknown[]).length !== expected.length) return false;
  return Object.entries(expected).every(([key, it]) => contains((actual as Record<string, unknown>)[key], it));
}
