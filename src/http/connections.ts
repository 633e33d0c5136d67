import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Milliseconds that a client has, once the service is closing, to send the rest of a request that
 * it has begun.
 */
const rest = 2_000;

/**
 * Keeps clients from holding up a stop. Node closes idle connections, but waits for those that have
 * sent nothing yet or only a part of a request, for longer than a stop may take. Requests that have
 * arrived are answered.
 */
export function closeUnfinished(app: FastifyInstance): void {
  const requests = new Map<Socket, IncomingMessage | undefined>();
  app.server.on('connection', (socket: Socket) => {
    requests.set(socket, undefined);
    socket.once('close', () => requests.delete(socket));
  });
  app.server.on('request', (request, response) => {
    requests.set(request.socket, request);
    response.once('close', () => {
      if (requests.get(request.socket) === request) requests.set(request.socket, undefined);
    });
  });
  app.addHook('preClose', async () => {
    for (const [socket, request] of requests) if (!request) socket.destroy();
    setTimeout(() => {
      for (const [socket, request] of requests) if (!request?.complete) socket.destroy();
    }, rest).unref();
  });
}
