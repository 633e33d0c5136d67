import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import helmet, { type HelmetOptions } from 'helmet';

/**
 * The headers that helmet sets on every response. They do not depend on the request, so they are
 * read once, from a response that is not sent: @fastify/helmet would build its middleware for each
 * request (docs/decisions/security-headers.md).
 * @param isHttps whether clients use HTTPS. If so, browsers use only HTTPS for a year.
 */
export function securityHeaders(isHttps: boolean): OutgoingHttpHeaders {
  const options: HelmetOptions = {
    contentSecurityPolicy: {
      directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
      useDefaults: false,
    },
    strictTransportSecurity: isHttps && { maxAge: 31_536_000, includeSubDomains: false },
  };
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  helmet(options)(request, response, (error) => {
    if (error) throw error;
  });
  return { ...response.getHeaders() };
}
