import { readFileSync } from 'node:fs';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { publicRoute } from './caller.ts';
import { openApiFiles } from './openapi-files.ts';
import { withOptionalBodies } from './optional-bodies.ts';
import { answerHeaders, withHeaders } from './response-headers.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const tags = [
  { name: 'Users and sessions', description: 'Registering, logging in and out, and a new password.' },
  { name: 'Me', description: 'What concerns whoever is logged in.' },
  { name: 'Accounts', description: 'The tenants that people are asked into.' },
  { name: 'Permissions', description: 'What can be given.' },
  { name: 'Roles', description: 'Named sets of permissions: presets for every account, and an account’s own.' },
  { name: 'Invites', description: 'Asking people in, and what became of it.' },
  { name: 'Accepting an invite', description: 'For the page behind the Accept Invite link.' },
  { name: 'Members', description: 'Who is in, and what they may do.' },
  { name: 'Grants', description: 'Single permissions of a member: for a time, on some resources, or on a condition.' },
  { name: 'Resources', description: 'Things inside an account, by the product’s own names.' },
  { name: 'Keys', description: 'For machines that act in one account.' },
  { name: 'Checks', description: 'May this person do this here, and why?' },
  { name: 'AuthZEN', description: 'The same questions in the standard way: OpenID AuthZEN Authorization API 1.0.' },
  { name: 'Ownership', description: 'An account has exactly one owner. It moves by an offer that is accepted.' },
  { name: 'Platform', description: 'For the operator’s own backend, with a platform key.' },
  { name: 'Webhooks', description: 'For mail services, which tell what became of mails.' },
  { name: 'Operation', description: 'For those who run the service and build on it.' },
];

const description = `Who is asked in (**invites**), who is in (**memberships**), and what they may do (**permissions**), for any product that has accounts.

Log in, put the \`accessToken\` into **Authorize**, and every call can be tried here. Refusals are problem documents (RFC 9457): branch on \`code\`. Lists are paged: send \`nextCursor\` as \`cursor\`. Times are RFC 3339 in UTC.`;

/** Collects the OpenAPI document from the routes. Comes before them. */
export async function collectOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Usher',
        version,
        description,
        license: { name: 'Proprietary', identifier: 'LicenseRef-Proprietary' },
      },
      servers: [{ url: '/', 'x-internal': false } as { url: string }],
      tags,
      components: {
        headers: answerHeaders,
        securitySchemes: {
          bearerAuth: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description:
              'The `accessToken` of a session, or an access token of an identity provider that is taken here: JWTs, verified as RFC 8725 (RFC8725) asks. Or a key for machines: `uak_…` of an account, `upk_…` of the platform.',
          },
        },
      },
    },
    transformObject: (document) =>
      withOptionalBodies(withHeaders('openapiObject' in document ? document.openapiObject : document.swaggerObject)),
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `Schema${index}`) },
  });
}

/** What Swagger UI needs beside the service's own policy: its script, calls to this service, styles and icons made by that script. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const logo = {
  type: 'image/svg+xml',
  content:
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 90 40"><text y="29" font-family="sans-serif" font-size="27" font-weight="600" fill="#ffffff">Usher</text></svg>',
};

/** There is one document to explore, and in a narrow window a heading stands above its description. */
const css = `
.swagger-ui .topbar .download-url-wrapper { visibility: hidden; }
@media (max-width: 640px) {
  .swagger-ui .topbar .download-url-wrapper { display: none; }
  .swagger-ui .opblock-tag { flex-wrap: wrap; }
  .swagger-ui .opblock-tag small { flex-basis: 80%; padding: 0; }
}`;

/** The document at `/openapi.json`, and Swagger UI at `/docs`. Neither is part of the document. */
export async function serveDocs(app: FastifyInstance): Promise<void> {
  const send = openApiFiles(app);
  app.get('/openapi.json', { schema: { hide: true, security: publicRoute } }, (request, reply) =>
    send('json', request, reply),
  );
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: policy,
    logo,
    // Swagger UI serialises the document for each request: its two routes are answered before it
    // does.
    uiHooks: {
      preHandler: async (request, reply) => {
        const [, format] = /^\/docs\/(json|yaml)$/.exec(request.routeOptions.url ?? '') ?? [];
        if (format === 'json' || format === 'yaml') return send(format, request, reply);
      },
    },
    theme: { title: 'Usher API', css: [{ filename: 'usher.css', content: css }] },
    uiConfig: {
      tryItOutEnabled: true,
      displayRequestDuration: true,
      docExpansion: 'list',
      deepLinking: true,
    },
  });
}
