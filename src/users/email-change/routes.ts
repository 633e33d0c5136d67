import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { ChangedEmail, EmailChange, EmailChangeConfirmation, MailQueued } from '../schemas.ts';
import { confirmEmailChange, requestEmailChange } from './change-email.ts';

/** Changing the e-mail address of a login. */
export const emailChangeRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/me/email-change', {
    schema: {
      tags: ['Me'],
      operationId: 'requestEmailChange',
      summary: 'Ask for another address',
      description:
        'Sends a mail to the new address: a link to confirm it, or word that it has a login already. The answer is the same for every address. Until it is confirmed, the old one counts.',
      body: ref(EmailChange),
      response: {
        202: answer(MailQueued, 'A mail is on its way.'),
        ...problemResponses('password-wrong', 'no-password', 'password-login-off', 'too-many-requests'),
      },
    },
    handler: async ({ caller, body }, reply) => {
      await requestEmailChange(service, caller, body);
      return reply.code(202).send({ message: 'If the address is free, a mail is on its way to it.' });
    },
  });

  app.post('/v1/auth/email-change/confirm', {
    config: { networkLimit: 'verify.network' },
    schema: {
      tags: ['Users and sessions'],
      security: publicRoute,
      operationId: 'confirmEmailChange',
      summary: 'Confirm another address',
      description:
        'Makes the new address count, with the token of the mail’s link. Works once. The old address is told, and every session ends but the one that asked.',
      body: ref(EmailChangeConfirmation),
      response: {
        200: answer(ChangedEmail, 'The new address counts.'),
        ...problemResponses('email-change-token-invalid'),
      },
    },
    handler: ({ body, requestContext }) => confirmEmailChange(service, body, requestContext),
  });
};
