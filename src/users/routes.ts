import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../http/caller.ts';
import { problems } from '../http/problem-schemas.ts';
import { answer, nothing, ref } from '../http/schemas.ts';
import type { Service } from '../service.ts';
import { logIn } from './log-in.ts';
import { logOut } from './log-out.ts';
import { refreshSession } from './refresh-session.ts';
import { register } from './register.ts';
import {
  Credentials,
  RefreshRequest,
  Registration,
  RegistrationAccepted,
  Session,
  User,
  VerifyEmailRequest,
} from './schemas.ts';
import { requireUser, userOf } from './session.ts';
import { verifyEmail } from './verify-email.ts';

const tags = ['Users and sessions'];
const security = publicRoute;

export const userRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { clock, db } = service;

  app.post('/v1/auth/register', {
    schema: {
      tags,
      security,
      operationId: 'register',
      summary: 'Register',
      description:
        'Sends a mail to the address: a link to verify it, or word that it has a login already. The answer is the same for every address. Until the address is verified, there is no login.',
      body: ref(Registration),
      response: { 202: answer(RegistrationAccepted, 'A mail is on its way.'), ...problems() },
    },
    handler: async ({ body }, reply) => {
      await register(service, body, clock());
      return reply.code(202).send({ message: 'If the address can be registered, a mail is on its way to it.' });
    },
  });

  app.post('/v1/auth/verify-email', {
    schema: {
      tags,
      security,
      operationId: 'verifyEmail',
      summary: 'Verify an address',
      description:
        'Turns a registration into a login with the token of the mail’s link, and opens a session. Works once.',
      body: ref(VerifyEmailRequest),
      response: { 200: answer(Session, 'The address is verified.'), ...problems('verification-token-invalid') },
    },
    handler: ({ body }) => verifyEmail(service, body, clock()),
  });

  app.post('/v1/auth/login', {
    schema: {
      tags,
      security,
      operationId: 'logIn',
      summary: 'Log in',
      description:
        'Opens a session. The access token goes into `Authorization: Bearer`; the refresh token gives the next one.',
      body: ref(Credentials),
      response: { 200: answer(Session, 'A session.'), ...problems('wrong-credentials') },
    },
    handler: ({ body }) => logIn(service, body, clock()),
  });

  app.post('/v1/auth/refresh', {
    schema: {
      tags,
      security,
      operationId: 'refreshSession',
      summary: 'Refresh a session',
      description:
        'Exchanges a refresh token for new tokens. Each works once: using an old one again ends the session.',
      body: ref(RefreshRequest),
      response: { 200: answer(Session, 'The session goes on.'), ...problems('unauthenticated') },
    },
    handler: ({ body }) => refreshSession(service, body, clock()),
  });

  app.post('/v1/auth/logout', {
    schema: {
      tags,
      security,
      operationId: 'logOut',
      summary: 'Log out',
      description: 'Ends the session of a refresh token. Its access tokens stop working with the next request.',
      body: ref(RefreshRequest),
      response: { 204: nothing('The session, if there was one, has ended.'), ...problems() },
    },
    handler: async ({ body }, reply) => {
      await logOut(service, body, clock());
      return reply.code(204).send(null);
    },
  });

  app.get('/v1/me', {
    schema: {
      tags: ['Me'],
      operationId: 'getMe',
      summary: 'Who am I',
      description: 'The user that the access token names.',
      response: { 200: answer(User, 'You.'), ...problems() },
    },
    handler: async ({ caller }) => userOf(await requireUser(db, caller)),
  });
};
