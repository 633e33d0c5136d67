import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { problems as all, Problem, type ProblemCode } from '../problems/problem.ts';
import { publicRoute } from './caller.ts';
import { problemResponses } from './problem-schemas.ts';
import { answer, Integer } from './schemas.ts';

export const ProblemPage = Type.Object(
  {
    code: Type.Unsafe<ProblemCode>(Type.String({ maxLength: 100, examples: ['cannot-grant'] })),
    status: Integer({ minimum: 400, maximum: 599, examples: [403] }),
    title: Type.String({ maxLength: 200 }),
    about: Type.String({ maxLength: 2000, description: 'What the problem means and what to do about it.' }),
  },
  { $id: 'ProblemPage', additionalProperties: false },
);

const Params = Type.Object({
  code: Type.String({ maxLength: 100, description: 'A problem code.', examples: ['cannot-grant'] }),
});

/** Explains each problem code, at the URL in `type` of its problem documents. */
export const problemPages: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/problems/:code', {
    schema: {
      tags: ['Operation'],
      security: publicRoute,
      operationId: 'explainProblem',
      summary: 'Explain a problem code',
      description:
        'Returns what a problem code means and what to do about it. `type` of a problem document is the URL of this page.',
      params: Params,
      response: { 200: answer(ProblemPage, 'The explanation.'), ...problemResponses() },
    },
    handler: async ({ params: { code } }) => {
      if (!Object.hasOwn(all, code)) throw new Problem('not-found');
      return { code: code as ProblemCode, ...all[code as ProblemCode] };
    },
  });
};
