import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { publicRoute } from '../http/caller.ts';
import { listMails } from '../mail/transports/mailbox.ts';
import type { Service } from '../service.ts';
import { canonicalEmail } from '../users/email-address.ts';
import { linkPage } from './link-page.ts';
import { mailboxPage } from './mailbox-page.ts';

const MailboxQuery = Type.Object(
  { to: Type.Optional(Type.String({ maxLength: 254 })) },
  { additionalProperties: false },
);

/** For development alone: in production these do not exist. Their pages carry their own script and style, and frame mails. */
const policy = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  "script-src 'unsafe-inline'",
  "connect-src 'self'",
  "frame-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
].join('; ');

const hidden = { hide: true, security: publicRoute };

export const devRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { config, db } = service;
  const send = (reply: FastifyReply, html: string) =>
    reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(html);

  if (config.mail.kind === 'mailbox') {
    app.get('/dev/mailbox', { schema: { ...hidden, querystring: MailboxQuery } }, async (request, reply) => {
      const { to } = request.query;
      const mails = await listMails(db, to === undefined ? undefined : (canonicalEmail(to) ?? to));
      const items = mails.map(({ recipient, ...mail }) => ({ ...mail, to: recipient }));
      reply.header('vary', 'accept');
      if (/\bapplication\/json\b/.test(request.headers.accept ?? '')) return reply.send({ items });
      return send(reply, mailboxPage(items, to));
    });
  }

  app.get('/dev/invite', { schema: hidden }, async (_, reply) => send(reply, linkPage('invite')));
  app.get('/dev/verify-email', { schema: hidden }, async (_, reply) => send(reply, linkPage('verify-email')));
};
