import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';

export interface MetricsServer {
  port: number;
  close(): Promise<void>;
}

/**
 * Serves the metrics in Prometheus' text format on a separate port. The network decides who can
 * read them: there is no authentication.
 */
export async function serveMetrics(collect: () => Promise<string>, host: string, port: number): Promise<MetricsServer> {
  const server = createServer(({ method, url }, response) => {
    if (url?.split('?', 1)[0] !== '/metrics') return end(response, 404, 'Not found. The metrics are at /metrics.\n');
    if (method !== 'GET') return end(response.setHeader('allow', 'GET'), 405, 'Use GET.\n');
    collect().then(
      (text) => end(response.setHeader('content-type', Registry.PROMETHEUS_CONTENT_TYPE), 200, text),
      () => end(response, 500, 'The metrics could not be collected.\n'),
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
