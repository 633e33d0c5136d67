import { setTimeout } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type Audience, type Kind, requestsOf, type Series } from './kinds.ts';
import { inTurn, type Request } from './load.ts';

export interface Statement {
  text: string;
  values: unknown[];
}

/** What the bare server runs for a read: one statement, with the values of each caller in turn. */
export interface BareRead {
  text: string;
  values: Record<Audience, unknown[][]>;
}

/**
 * Sends the requests of a kind to the app in this process and watches its statements.
 * @param log the app's statements so far.
 * @returns how many statements one request takes, and for reads what the bare server runs.
 */
export async function watchStatements(
  app: FastifyInstance,
  log: Statement[],
  { name, statement }: Kind,
  series: Record<Audience, Series>,
): Promise<{ count: number; read: BareRead }> {
  const send = async ({ method, path: url, headers = {}, body }: Request) => {
    log.length = 0;
    const answer = await app.inject({ method, url, headers, ...(body !== undefined && { payload: body }) });
    if (answer.statusCode >= 300) throw new Error(`${name}: ${answer.statusCode} ${answer.body}`);
  };
  const next = inTurn(requestsOf(series.many, 'service'));
  const request = next();
  await send(request);
  // The first use of an API key is recorded after the answer: count the statements of the second.
  await setTimeout(100);
  await send(Array.isArray(series.many) ? request : next());
  const count = log.length;
  const { text = '' } = log.at(statement === 'first' ? 0 : -1) ?? {};
  const valuesOf = async (pairs: Series) => {
    const values: unknown[][] = [];
    if (!statement || !Array.isArray(pairs)) return values;
    for (const { service: request } of pairs) {
      await send(request);
      const found = log.find((it) => it.text === text);
      if (!found) throw new Error(`${name}: the statement differs by caller`);
      values.push(found.values);
    }
    return values;
  };
  return { count, read: { text, values: { many: await valuesOf(series.many), one: await valuesOf(series.one) } } };
}
