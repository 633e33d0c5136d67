import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import {
  Credentials,
  MailQueued,
  PasswordChange,
  PasswordResetConfirmation,
  PasswordResetRequest,
  Session,
} from '../schemas.ts';
import { changePassword } from './change.ts';
import { logIn } from './log-in.ts';
import { requestPasswordReset, resetPassword } from './reset.ts';

const tags = ['Users and sessions'];
const security = publicRoute;

/** Logging in with a password, and changing or resetting it. */
export const passwordRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/auth/login', {
    config: { networkLimit: 'login.network' },
    schema: {
      tags,
      security,
      operationId: 'logIn',
      summary: 'Log in',
      description:
        'Opens a session. Send the access token as `Authorization: Bearer`; exchange the refresh token for the next one.',
      body: ref(Credentials),
      response: {
        200: answer(Session, 'The new session.'),
        ...problemResponses('wrong-credentials', 'user-disabled', 'password-login-off'),
      },
    },
    handler: ({ body, requestContext }) => logIn(service, body, requestContext),
  });

  app.post('/v1/auth/password-reset', {
    config: { networkLimit: 'reset.network' },
    schema: {
      tags,
      security,
      operationId: 'requestPasswordReset',
      summary: 'Request a password reset',
      description:
        'Sends an e-mail with a link to choose a new password, valid for 30 minutes. The response is the same for every address; an address without a login gets no e-mail.',
      body: ref(PasswordResetRequest),
      response: { 202: answer(MailQueued, 'The request was accepted.'), ...problemResponses('password-login-off') },
    },
    handler: async ({ body, requestContext }, reply) => {
      await requestPasswordReset(service, body, requestContext);
      return reply.code(202).send({ message: 'If there is a login with this address, a mail is on its way to it.' });
    },
  });

  app.post('/v1/auth/password-reset/confirm', {
    config: { networkLimit: 'reset.network' },
    schema: {
      tags,
      security,
      operationId: 'resetPassword',
      summary: 'Reset a password',
      description:
        'Sets a new password, ends every session of the user and opens a new one. The token from the link works once.',
      body: ref(PasswordResetConfirmation),
      response: {
        200: answer(Session, 'The new session.'),
        ...problemResponses('password-reset-token-invalid', 'user-disabled', 'password-login-off'),
      },
    },
    handler: ({ body, requestContext }) => resetPassword(service, body, requestContext),
  });

  app.put('/v1/me/password', {
    schema: {
      tags: ['Me'],
      operationId: 'changePassword',
      summary: 'Change my password',
      description: 'Requires the current password. Ends your other sessions and notifies you by e-mail.',
      body: ref(PasswordChange),
      response: {
        204: nothing('The password was changed.'),
        ...problemResponses('password-wrong', 'no-password', 'password-login-off', 'too-many-requests'),
      },
    },
    handler: async ({ caller, body }, reply) => {
      await changePassword(service, caller, body);
      return reply.code(204).send(null);
    },
  });
};
