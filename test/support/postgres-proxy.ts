import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

/** Starts a TCP proxy for Postgres whose connections can be cut and frozen. */
export async function startPostgresProxy(t: Test, databaseUrl: string) {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let isFrozen = false;
  const server = createServer((inner) => {
    track(inner);
    if (isFrozen) return;
    const outer = track(connect(Number(target.port || 5432), target.hostname));
    inner.on('data', (bytes) => outer.write(bytes));
    outer.on('data', (bytes) => inner.write(bytes));
    inner.on('close', () => outer.destroy());
    outer.on('close', () => inner.destroy());
  });

  function track(socket: Socket): Socket {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  }
  function destroyAll(): void {
    for (const socket of sockets) socket.destroy();
  }
  async function listen(port: number): Promise<number> {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  const port = await listen(0);
  t.teardown(() => {
    destroyAll();
    server.close();
  });
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    /** Breaks every connection and refuses new ones, like a server that stopped. */
    cut(): void {
      server.close();
      destroyAll();
    },
    /** Lets connections through again after a cut. */
    restore: () => listen(port),
    /** Stops forwarding in open and new connections, like a host that vanished. */
    freeze(): void {
      isFrozen = true;
      for (const socket of sockets) socket.removeAllListeners('data').pause();
    },
    /** New connections work again. Frozen ones stay frozen. */
    thaw(): void {
      isFrozen = false;
    },
  };
}
