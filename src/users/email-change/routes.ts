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
      summary: 'Request a change of my e-mail address',
      description:
        'Sends an e-mail to the new address: a link to confirm it, or a notice that it already has a login. The response is the same for every address. The old address remains your login until the new one is confirmed.',
      body: ref(EmailChange),
      response: {
        202: answer(MailQueued, 'The request was accepted.'),
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
      summary: 'Confirm a new e-mail address',
      description:
        'Replaces the user’s e-mail address. The token from the link works once. The old address gets a notice, and every session ends except the one that requested the change.',
      body: ref(EmailChangeConfirmation),
      response: {
        200: answer(ChangedEmail, 'The address was changed.'),
        ...problemResponses('email-change-token-invalid'),
      },
    },
    handler: ({ body, requestContext }) => confirmEmailChange(service, body, requestContext),
  });
};
