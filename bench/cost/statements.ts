import { setTimeout } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { type Audience, type Kind, requestsOf, type Series } from './kinds.ts';
import { type Request, roundRobin } from './load.ts';

export interface Statement {
  text: string;
  values: unknown[];
}

/** What the bare server runs for a read: one statement, with values for each caller. */
export interface BareRead {
  text: string;
  values: Record<Audience, unknown[][]>;
}

/**
 * Sends the requests of a kind to the app in this process, and records its statements.
 * @param log where the app logs its statements.
 * @returns how many statements one request runs, and, for reads, what the bare server runs.
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
  const next = roundRobin(requestsOf(series.many, 'service'));
  const request = next();
  await send(request);
  // The first use of an API key is recorded after the answer, so count the second request.
  await setTimeout(100);
  await send(Array.isArray(series.many) ? request : next());
  const count = log.length;
  const { text = '' } = log.at(statement === 'first' ? 0 : -1) ?? {};
  const collectValues = async (pairs: Series) => {
    const values: unknown[][] = [];
    if (!statement || !Array.isArray(pairs)) return values;
    for (const { service: request } of pairs) {
      await send(request);
      const logged = log.find((it) => it.text === text);
      if (!logged) throw new Error(`${name}: the statement differs by caller`);
      values.push(logged.values);
    }
    return values;
  };
  return {
    count,
    read: { text, values: { many: await collectValues(series.many), one: await collectValues(series.one) } },
  };
}
