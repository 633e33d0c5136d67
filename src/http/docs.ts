import { readFileSync } from 'node:fs';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { publicRoute } from './caller.ts';
import { openApiFiles } from './openapi-files.ts';
import { withOptionalBodies } from './optional-bodies.ts';
import { responseHeaders, withHeaders } from './response-headers.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const tags = [
  { name: 'Users and sessions', description: 'Registration, login, logout and password reset.' },
  { name: 'Me', description: 'Endpoints for the current user.' },
  { name: 'Accounts', description: 'The tenants that people are invited to.' },
  { name: 'Permissions', description: 'The catalogue of permissions.' },
  { name: 'Roles', description: 'Named sets of permissions: presets for every account, and the roles of an account.' },
  { name: 'Invites', description: 'Inviting people to an account, and the status of their invites.' },
  { name: 'Accepting an invite', description: 'For the page behind the Accept Invite link.' },
  { name: 'Members', description: 'The members of an account and their permissions.' },
  { name: 'Grants', description: 'Single permissions of a member: for a time, on some resources, or on a condition.' },
  { name: 'Resources', description: 'Things in an account, named by the product’s own types and ids.' },
  { name: 'Keys', description: 'API keys for machines that act in one account.' },
  { name: 'Checks', description: 'May this member do this here, and why?' },
  { name: 'AuthZEN', description: 'The same checks by a standard: OpenID AuthZEN Authorization API 1.0.' },
  {
    name: 'Ownership',
    description: 'An account has exactly one owner. The owner offers ownership, and a member accepts it.',
  },
  { name: 'Platform', description: 'For the operator’s own backend, with a platform key.' },
  { name: 'Webhooks', description: 'For mail services, which report delivery events.' },
  { name: 'Operation', description: 'For operators and integrators.' },
];

const description = `Invites, memberships and permissions for any product that has accounts: who is invited (**invites**), who is a member (**memberships**), and what members may do (**permissions**).

To try the calls here, log in and enter the \`accessToken\` under **Authorize**. Errors are problem documents (RFC 9457): branch on \`code\`. Lists are paged: send \`nextCursor\` as \`cursor\`. Times are RFC 3339 in UTC.`;

/** Collects the OpenAPI document from the routes. Register it before them. */
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
        headers: responseHeaders,
        securitySchemes: {
          bearerAuth: {
            type: 'http',
            scheme: 'bearer',
            bearerFormat: 'JWT',
            description:
              'The `accessToken` of a session, an access token of a configured identity provider, or an API key: `uak_…` of an account, `upk_…` of the platform. Tokens are JWTs, verified as RFC 8725 (RFC8725) requires.',
          },
        },
      },
    },
    transformObject: (document) =>
      withOptionalBodies(withHeaders('openapiObject' in document ? document.openapiObject : document.swaggerObject)),
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `Schema${index}`) },
  });
}

/**
 * The Content-Security-Policy of Swagger UI: its script, calls to this service, and the styles and
 * icons that the script creates.
 */
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

/**
 * Hides the field for the URL of a document, and puts descriptions below their headings in narrow
 * windows.
 */
const css = `
.swagger-ui .topbar .download-url-wrapper { visibility: hidden; }
@media (max-width: 640px) {
  .swagger-ui .topbar .download-url-wrapper { display: none; }
  .swagger-ui .opblock-tag { flex-wrap: wrap; }
  .swagger-ui .opblock-tag small { flex-basis: 80%; padding: 0; }
}`;

/**
 * Serves the document at `/openapi.json` and Swagger UI at `/docs`. Neither is part of the
 * document.
 */
export async function serveDocs(app: FastifyInstance): Promise<void> {
  const send = openApiFiles(app);
  app.get('/openapi.json', { schema: { hide: true, security: publicRoute } }, (request, reply) =>
    send('json', request, reply),
  );
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: policy,
    logo,
    // The plugin would serialise the document for each request, so this answers its two routes
    // first.
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
