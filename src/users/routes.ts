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
        'Sends a mail to the address: a link to verify it, or a notice that it already has a login. The answer is the same for every address. The link leads to the page that asks for a name and a password and calls `POST /v1/auth/verify-email`; until then there is no login, and only the address and the locale are kept, for a day.',
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
        'Creates the user with the token of the mail’s link, and opens a session. The token proves the mailbox, so the name and the password are chosen here. It works once; a refused name or password leaves it valid. Every other link sent to the address by registering stops working.',
      body: ref(VerifyEmailRequest),
      response: {
        201: answer(Session, 'The user is created.'),
        ...problems('verification-token-invalid', 'password-login-off'),
      },
    },
    handler: async ({ body, visit }, reply) => reply.code(201).send(await verifyEmail(service, body, visit)),
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
