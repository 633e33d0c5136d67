import type { FastifyInstance } from 'fastify';
import Router from 'find-my-way';
import { Problem } from '../problems/problem.ts';
import { sendProblem } from './problem-json.ts';

/**
 * Answers addresses that exist but not with this method (405, with Allow), and addresses that do not exist (404). It learns the
 * routes as they are added, so it comes before them.
 */
export function answerUnrouted(app: FastifyInstance, issuer: string): void {
  const methodsOf = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    // Where preflights of other origins arrive, whatever they are about.
    if (url === '*') return;
    const methods = methodsOf.get(url) ?? new Set();
    for (const it of [method].flat()) methods.add(it);
    methodsOf.set(url, methods);
  });
  const addresses = Router();
  app.addHook('onReady', async () => {
    for (const [url, methods] of methodsOf) addresses.on('GET', url, () => {}, [...methods].sort());
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] as string;
    const allowed = addresses.find('GET', path)?.store as string[] | undefined;
    if (!allowed || allowed.includes(request.method))
      return sendProblem(request, reply, new Problem('not-found'), issuer);
    reply.header('allow', allowed.join(', '));
    return sendProblem(request, reply, new Problem('method-not-allowed'), issuer);
  });
}
