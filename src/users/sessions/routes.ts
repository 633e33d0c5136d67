import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { Caller } from '../../credentials/caller.ts';
import { publicRoute } from '../../http/caller.ts';
import { page } from '../../http/paging.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, nothing, ref } from '../../http/schemas.ts';
import type { SessionId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { requireUser } from '../require-user.ts';
import { MySessionPage, MySessionsQuery, RefreshRequest, Session, SessionParams } from '../schemas.ts';
import { deviceName } from './device.ts';
import { endOtherSessions, endSession } from './end.ts';
import { logOut } from './log-out.ts';
import { refreshSession } from './refresh.ts';
import { listSessions, type SessionRow } from './store.ts';

const tags = ['Users and sessions'];
const security = publicRoute;

/** Refreshing, listing and ending sessions. */
export const sessionRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.post('/v1/auth/refresh', {
    config: { networkLimit: 'refresh.network' },
    schema: {
      tags,
      security,
      operationId: 'refreshSession',
      summary: 'Refresh a session',
      description:
        'Exchanges a refresh token for new tokens. Each refresh token works once; using an old one again ends the session. There are two exceptions, in which the client that used the token gets the same refresh token again: within ten seconds and in the same network, because two of its tabs may refresh at once; and, while the next token is unused, within five minutes, in any network and up to ten times in a session, because the response may have been lost.',
      body: ref(RefreshRequest),
      response: {
        200: answer(Session, 'New tokens of the session.'),
        ...problemResponses('unauthenticated', 'password-login-off'),
      },
    },
    handler: ({ body, requestContext }) => refreshSession(service, body, requestContext),
  });

  app.post('/v1/auth/logout', {
    schema: {
      tags,
      security,
      operationId: 'logOut',
      summary: 'Log out',
      description: 'Ends the session of a refresh token. Its access tokens are refused from the next request on.',
      body: ref(RefreshRequest),
      response: { 204: nothing('The session, if there was one, has ended.'), ...problemResponses() },
    },
    handler: async ({ body, requestContext }, reply) => {
      await logOut(service, body, requestContext);
      return reply.code(204).send(null);
    },
  });

  app.get('/v1/me/sessions', {
    schema: {
      tags: ['Me'],
      operationId: 'listMySessions',
      summary: 'List my sessions',
      description: 'Lists your active sessions, newest first.',
      querystring: MySessionsQuery,
      response: { 200: answer(MySessionPage, 'A page of sessions.'), ...problemResponses() },
    },
    handler: async ({ caller, query: { limit = 50, cursor } }) => {
      const user = await requireUser(service.db, caller);
      const rows = await listSessions(service.db, user.id, caller.now, {
        limit,
        ...(cursor && { cursor: cursor as SessionId }),
      });
      return page(
        rows,
        limit,
        (row) => row.id,
        (row) => toMySessionView(row, caller),
      );
    },
  });

  app.delete('/v1/me/sessions', {
    schema: {
      tags: ['Me'],
      operationId: 'endOtherSessions',
      summary: 'End my other sessions',
      description:
        'Ends all your sessions except the current one. Their access tokens are refused from the next request on.',
      response: { 204: nothing('Only the current session is left.'), ...problemResponses() },
    },
    handler: async ({ caller }, reply) => {
      await endOtherSessions(service, caller);
      return reply.code(204).send(null);
    },
  });

  app.delete('/v1/me/sessions/:sessionId', {
    schema: {
      tags: ['Me'],
      operationId: 'endSession',
      summary: 'End one of my sessions',
      description: 'Ends the session. Its access tokens are refused from the next request on.',
      params: SessionParams,
      response: { 204: nothing('The session has ended.'), ...problemResponses() },
    },
    handler: async ({ caller, params }, reply) => {
      await endSession(service, caller, params.sessionId);
      return reply.code(204).send(null);
    },
  });
};

const toMySessionView = ({ id, userAgent, network, createdAt, lastUsedAt, expiresAt }: SessionRow, caller: Caller) => ({
  id,
  isCurrent: id === caller.sessionId,
  device: deviceName(userAgent),
  network,
  createdAt,
  lastUsedAt: lastUsedAt ?? createdAt,
  expiresAt,
});
