import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Milliseconds that clients have to complete their requests when the service stops. */
const completionTime = 2_000;

/**
 * Prevents clients from delaying shutdown. Node closes idle connections, but waits too long for
 * those that have sent nothing yet or only a part of a request. Complete requests are answered.
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
    }, completionTime).unref();
  });
}
