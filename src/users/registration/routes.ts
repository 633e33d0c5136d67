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

/** Registration and address verification. */
export const registrationRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/auth/register', {
    config: { networkLimit: 'register.network' },
    schema: {
      tags,
      security,
      operationId: 'register',
      summary: 'Register',
      description:
        'Sends an e-mail to the address: a link to verify it, or a notice that it already has a login. The response is the same for every address. The link opens the page that asks for a name and a password and calls `POST /v1/auth/verify-email`. Until then there is no user; only the address and the locale are stored, for one day.',
      body: ref(Registration),
      response: {
        202: answer(RegistrationAccepted, 'The registration was accepted.'),
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
        'Creates the user and opens a session. The token from the link proves access to the mailbox, so the name and the password are set here. The token works once; a refused name or password leaves it valid. All other registration links of the address stop working.',
      body: ref(VerifyEmailRequest),
      response: {
        201: answer(Session, 'The user was created.'),
        ...problemResponses('verification-token-invalid', 'password-login-off'),
      },
    },
    handler: async ({ body, requestContext }, reply) =>
      reply.code(201).send(await verifyEmail(service, body, requestContext)),
  });
};
