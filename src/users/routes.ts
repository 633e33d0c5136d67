import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../http/caller.ts';
import { problems } from '../http/problem-schemas.ts';
import { answer, ref } from '../http/schemas.ts';
import type { Service } from '../service.ts';
import { confirmEmailChange, requestEmailChange } from './change-email.ts';
import { register } from './register.ts';
import {
  ChangedEmail,
  EmailChange,
  EmailChangeConfirmation,
  MailPromised,
  Registration,
  RegistrationAccepted,
  Session,
  User,
  VerifyEmailRequest,
} from './schemas.ts';
import { requireUser } from './sessions/session.ts';
import { userOf } from './user.ts';
import { verifyEmail } from './verify-email.ts';

const tags = ['Users and sessions'];
const security = publicRoute;

/** Becoming a user, and who one is. */
export const userRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/auth/register', {
    config: { networkLimit: 'register.network' },
    schema: {
      tags,
      security,
      operationId: 'register',
      summary: 'Register',
      description:
        'Sends a mail to the address: a link to verify it, or word that it has a login already. The answer is the same for every address. Until the address is verified, there is no login.',
      body: ref(Registration),
      response: { 202: answer(RegistrationAccepted, 'A mail is on its way.'), ...problems('password-login-off') },
    },
    handler: async ({ body, visit }, reply) => {
      await register(service, body, visit);
      return reply.code(202).send({ message: 'If the address can be registered, a mail is on its way to it.' });
    },
  });

  app.post('/v1/auth/verify-email', {
    config: { networkLimit: 'verify.network' },
    schema: {
      tags,
      security,
      operationId: 'verifyEmail',
      summary: 'Verify an address',
      description:
        'Turns a registration into a login with the token of the mail’s link, and opens a session. Works once. Ask for the `password` once more, and send it: where someone else has registered the address too, only that shows which of the two it is.',
      body: ref(VerifyEmailRequest),
      response: {
        200: answer(Session, 'The address is verified.'),
        ...problems('verification-token-invalid', 'password-login-off'),
      },
    },
    handler: ({ body, visit }) => verifyEmail(service, body, visit),
  });

  app.get('/v1/me', {
    schema: {
      tags: ['Me'],
      operationId: 'getMe',
      summary: 'Who am I',
      description: 'The user that the access token names.',
      response: { 200: answer(User, 'You.'), ...problems() },
    },
    handler: async ({ caller }) => userOf(await requireUser(service.db, caller)),
  });

  app.post('/v1/me/email-change', {
    schema: {
      tags: ['Me'],
      operationId: 'requestEmailChange',
      summary: 'Ask for another address',
      description:
        'Sends a mail to the new address: a link to confirm it, or word that it has a login already. The answer is the same for every address. Until it is confirmed, the old one counts.',
      body: ref(EmailChange),
      response: {
        202: answer(MailPromised, 'A mail is on its way.'),
        ...problems('password-wrong', 'no-password', 'password-login-off', 'too-many-requests'),
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
      tags,
      security,
      operationId: 'confirmEmailChange',
      summary: 'Confirm another address',
      description:
        'Makes the new address count, with the token of the mail’s link. Works once. The old address is told, and every session ends but the one that asked.',
      body: ref(EmailChangeConfirmation),
      response: {
        200: answer(ChangedEmail, 'The new address counts.'),
        ...problems('email-change-token-invalid'),
      },
    },
    handler: ({ body, visit }) => confirmEmailChange(service, body, visit),
  });
};
