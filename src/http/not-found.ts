import type { FastifyInstance } from 'fastify';
import Router from 'find-my-way';
import { Problem } from '../problems/problem.ts';
import { sendProblem } from './problem-json.ts';

/**
 * Answers 405 with `Allow` if the URL exists with another method, otherwise 404. It collects the
 * routes as they are added, so register it before them.
 */
export function answerUnrouted(app: FastifyInstance, issuer: string): void {
  const methodsOf = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    // The route of CORS preflights, for every URL.
    if (url === '*') return;
    const methods = methodsOf.get(url) ?? new Set();
    for (const it of [method].flat()) methods.add(it);
    methodsOf.set(url, methods);
  });
  const urls = Router();
  app.addHook('onReady', async () => {
    for (const [url, methods] of methodsOf) urls.on('GET', url, () => {}, [...methods].sort());
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?', 1)[0] as string;
    const allowed = urls.find('GET', path)?.store as string[] | undefined;
    if (!allowed || allowed.includes(request.method))
      return sendProblem(request, reply, new Problem('not-found'), issuer);
    reply.header('allow', allowed.join(', '));
    return sendProblem(request, reply, new Problem('method-not-allowed'), issuer);
  });
}
