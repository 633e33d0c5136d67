import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { sql } from 'drizzle-orm';
import { Type } from 'typebox';
import type { Service } from '../service.ts';
import { publicRoute } from './caller.ts';
import { problems } from './problem-schemas.ts';
import { answer } from './schemas.ts';

export const Ready = Type.Object(
  { status: Type.Unsafe<'ready'>(Type.String({ enum: ['ready'] })) },
  { $id: 'Ready', additionalProperties: false },
);

export const Alive = Type.Object(
  { status: Type.Unsafe<'alive'>(Type.String({ enum: ['alive'] })) },
  { $id: 'Alive', additionalProperties: false },
);

export const healthRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get('/livez', {
    logLevel: 'warn',
    schema: {
      tags: ['Operation'],
      security: publicRoute,
      operationId: 'getLiveness',
      summary: 'Is the process alive',
      description: '200 as long as the process answers, whether the database does or not: restart it where this fails.',
      response: { 200: answer(Alive, 'It is.'), ...problems() },
    },
    handler: async () => ({ status: 'alive' as const }),
  });

  app.get('/readyz', {
    logLevel: 'warn',
    schema: {
      tags: ['Operation'],
      security: publicRoute,
      operationId: 'getReadiness',
      summary: 'Is the service ready',
      description: '200 when requests will be served; 503 while the database does not answer.',
      response: { 200: answer(Ready, 'It is.'), ...problems() },
    },
    handler: async () => {
      await service.db.execute(sql`select 1`);
      return { status: 'ready' as const };
    },
  });
};
