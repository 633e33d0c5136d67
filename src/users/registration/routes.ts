import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import { Registration, RegistrationAccepted, Session, VerifyEmailRequest } from '../schemas.ts';
import { register } from './register.ts';
import { verifyEmail } from './verify-email.ts';

const tags = ['Users and sessions'];
const security = publicRoute;

/** Registration, and verification of the address. */
export const registrationRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
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
      response: {
        202: answer(RegistrationAccepted, 'A mail is on its way.'),
        ...problemResponses('password-login-off'),
      },
    },
    handler: async ({ body, requestContext }, reply) => {
      await register(service, body, requestContext);
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
        ...problemResponses('verification-token-invalid', 'password-login-off'),
      },
    },
    handler: async ({ body, requestContext }, reply) =>
      reply.code(201).send(await verifyEmail(service, body, requestContext)),
  });
};
