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

/** A new password: with the current one, or by mail without it. */
export const passwordRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/auth/login', {
    config: { networkLimit: 'login.network' },
    schema: {
      tags,
      security,
      operationId: 'logIn',
      summary: 'Log in',
      description:
        'Opens a session. The access token goes into `Authorization: Bearer`; the refresh token gives the next one.',
      body: ref(Credentials),
      response: {
        200: answer(Session, 'A session.'),
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
      summary: 'Forgot the password',
      description:
        'Sends a mail with a link to choose a new password, good for 30 minutes. The answer is the same for every address; one without a login gets no mail.',
      body: ref(PasswordResetRequest),
      response: { 202: answer(MailQueued, 'A mail may be on its way.'), ...problemResponses('password-login-off') },
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
      summary: 'Choose a new password',
      description:
        'Sets the password with the token of the mail’s link, ends every session of the user, and opens a new one. Works once.',
      body: ref(PasswordResetConfirmation),
      response: {
        200: answer(Session, 'The password is set.'),
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
      description: 'Needs the current one. Ends your other sessions, and tells you by mail.',
      body: ref(PasswordChange),
      response: {
        204: nothing('The password is changed.'),
        ...problemResponses('password-wrong', 'no-password', 'password-login-off', 'too-many-requests'),
      },
    },
    handler: async ({ caller, body }, reply) => {
      await changePassword(service, caller, body);
      return reply.code(204).send(null);
    },
  });
};
