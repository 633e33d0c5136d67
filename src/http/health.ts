import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Db } from '../database/database.ts';
import { isMigrated } from '../database/migrate.ts';
import type { Outages } from '../database/outages.ts';
import { Problem } from '../problems/problem.ts';
import { describeState, type ProcessState } from './availability.ts';
import { publicRoute } from './caller.ts';
import { problemResponses } from './problem-schemas.ts';
import { answer } from './schemas.ts';

export const Ready = Type.Object(
  { status: Type.Unsafe<'ready'>(Type.String({ enum: ['ready'] })) },
  { $id: 'Ready', additionalProperties: false },
);

export const Alive = Type.Object(
  { status: Type.Unsafe<'alive'>(Type.String({ enum: ['alive'] })) },
  { $id: 'Alive', additionalProperties: false },
);

export interface HealthOptions {
  db: Db;
  outages: Pick<Outages, 'checkWrite'>;
  state: ProcessState;
}

export const healthRoutes: FastifyPluginAsyncTypebox<HealthOptions> = async (app, { db, outages, state }) => {
  app.get('/livez', {
    logLevel: 'warn',
    config: { isAlwaysAnswered: true },
    schema: {
      tags: ['Operation'],
      security: publicRoute,
      operationId: 'getLiveness',
      summary: 'Check that the process is alive',
      description: '200 if the process answers, even if the database does not. Restart the process if this fails.',
      response: { 200: answer(Alive, 'The process is alive.'), ...problemResponses() },
    },
    handler: async () => ({ status: 'alive' as const }),
  });

  app.get('/readyz', {
    logLevel: 'warn',
    schema: {
      tags: ['Operation'],
      security: publicRoute,
      operationId: 'getReadiness',
      summary: 'Check that the service is ready',
      description:
        '200 if the service can take requests. 503 while it is starting, stopping or overloaded, while the database does not answer, is not writable or lacks migrations of this release, and while the mail worker is stuck. `detail` says which.',
      response: { 200: answer(Ready, 'The service is ready.'), ...problemResponses() },
    },
    handler: async () => {
      if (state.phase !== 'serving') throw new Problem('unavailable', describeState(state));
      if (!(await isMigrated(db))) throw new Problem('unavailable', 'Migrations are missing from the database.');
      if (state.isWorkerStuck()) throw new Problem('unavailable', 'The mail worker is stuck.');
      await outages.checkWrite();
      return { status: 'ready' as const };
    },
  });
};
