import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { publicRoute } from '../http/caller.ts';
import { EmailParameter } from '../http/schemas.ts';
import { listMails } from '../mail/transports/mailbox.ts';
import type { Service } from '../service.ts';
import { requireEmailParameter } from '../text/email-address.ts';
import { emailChangePage } from './email-change-page.ts';
import { invitePage } from './invite-page.ts';
import { mailboxPage } from './mailbox-page.ts';
import { optOutPage } from './opt-out-page.ts';
import { sendPage } from './page.ts';
import { reportPage } from './report-page.ts';
import { resetPage } from './reset-page.ts';
import { verifyPage } from './verify-page.ts';

const MailboxQuery = Type.Object(
  { to: EmailParameter('The recipient of the mails.') },
  { additionalProperties: false },
);

const linkPages = {
  '/dev/invite': invitePage,
  '/dev/opt-out': optOutPage,
  '/dev/report': reportPage,
  '/dev/verify-email': verifyPage,
  '/dev/reset-password': resetPage,
  '/dev/confirm-email': emailChangePage,
};

const hidden = { hide: true, security: publicRoute };

/** Pages for development. They do not exist in production. */
export const devRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { config, db } = service;

  if (config.mail.kind === 'mailbox') {
    app.get('/dev/mailbox', { schema: { ...hidden, querystring: MailboxQuery } }, async (request, reply) => {
      const { to: recipient } = request.query;
      const to = recipient === undefined ? undefined : requireEmailParameter(recipient, 'to');
      const mails = await listMails(db, to);
      const items = mails.map(({ recipient, ...mail }) => ({ ...mail, to: recipient }));
      reply.header('vary', 'accept');
      if (/\bapplication\/json\b/.test(request.headers.accept ?? '')) return reply.send({ items });
      return sendPage(reply, mailboxPage(items, to));
    });
  }

  // Samples for the pages of the operator's own frontend. The token is in the fragment, which
  // browsers don't send.
  for (const [url, page] of Object.entries(linkPages)) {
    app.get(url, { schema: hidden }, async (_, reply) => sendPage(reply, page));
  }
};
