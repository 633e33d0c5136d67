import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

/**
 * Serves the metrics in the text format of Prometheus, on a port of their own: who may see them is decided by who can reach
 * it.
 */
export async function serveMetrics(collect: () => Promise<string>, host: string, port: number): Promise<MetricsServer> {
  const server = createServer(({ method, url }, response) => {
    if (url?.split('?', 1)[0] !== '/metrics') return end(response, 404, 'The metrics are at /metrics.\n');
    if (method !== 'GET') return end(response.setHeader('allow', 'GET'), 405, 'GET them.\n');
    collect().then(
      (text) => end(response.setHeader('content-type', Registry.PROMETHEUS_CONTENT_TYPE), 200, text),
      () => end(response, 500, 'They could not be collected.\n'),
    );
  });
  server.listen(port, host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function end(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  response.end(text);
}
