import { Type } from 'typebox';
import { problems as all, type ProblemCode } from '../problems/problem.ts';
import { problemMediaType } from './problem-json.ts';
import { Integer } from './schemas.ts';

const codes = Object.keys(all) as ProblemCode[];

export const ProblemDocument = Type.Object(
  {
    type: Type.String({ maxLength: 2048, description: 'A page that explains the code.' }),
    title: Type.String({ maxLength: 200 }),
    status: Integer({ minimum: 400, maximum: 599 }),
    detail: Type.Optional(Type.String({ maxLength: 1000, description: 'What went wrong this time, for a person.' })),
    code: Type.Unsafe<ProblemCode>(Type.String({ enum: codes, description: 'Stable: branch on this.' })),
    requestId: Type.String({ maxLength: 64, description: 'Names the request in the operator’s log.' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.Optional(Type.String({ maxLength: 1000, description: 'Where in the body (RFC 6901).' })),
          parameter: Type.Optional(Type.String({ maxLength: 200, description: 'Which parameter.' })),
          detail: Type.String({ maxLength: 1000 }),
        }),
        { maxItems: 20 },
      ),
    ),
    permission: Type.Optional(Type.String({ maxLength: 100, description: 'The permission that is missing.' })),
    missing: Type.Optional(
      Type.Array(Type.String({ maxLength: 100 }), {
        maxItems: 200,
        description: 'Permissions you lack; `*` is all of them.',
      }),
    ),
    retryAfter: Type.Optional(Integer({ minimum: 1, maximum: 2_678_400, description: 'Seconds to wait.' })),
    inviteId: Type.Optional(Type.String({ maxLength: 30, description: 'The invite that is in the way.' })),
  },
  {
    $id: 'Problem',
    description: 'A problem document (RFC 9457).',
    examples: [
      {
        type: 'https://usher.example.com/problems/permission-missing',
        title: all['permission-missing'].title,
        status: 403,
        detail: 'This needs the permission invites:manage.',
        code: 'permission-missing',
        requestId: 'f4ed3471-9b09-44d2-b3e3-4d96ff751021',
        permission: 'invites:manage',
      },
    ],
  },
);

/**
 * The responses of a route that refuses in these ways, by status. What every route may answer is added when it is registered
 * (see `addCommonProblems`).
 */
export function problemResponses(...codes: ProblemCode[]) {
  const byStatus: Record<number, ProblemCode[]> = {};
  for (const code of codes) byStatus[all[code].status] = [...(byStatus[all[code].status] ?? []), code];
  return Object.fromEntries(Object.entries(byStatus).map(([status, codes]) => [status, responseOf(codes)]));
}

function responseOf(codes: ProblemCode[]) {
  return {
    description: codes.map((code) => `\`${code}\`: ${all[code].title}.`).join(' '),
    'x-problems': codes,
    content: { [problemMediaType]: { schema: { $ref: 'Problem' } } },
  };
}

type Responses = Record<string, { 'x-problems'?: ProblemCode[] }>;

interface DescribedRoute {
  method: string | string[];
  config?: { networkLimit?: string };
  schema?: {
    response?: unknown;
    security?: readonly unknown[];
    params?: unknown;
    'x-problems'?: ProblemCode[];
    'x-network-limit'?: string;
  };
}

/**
 * Adds to a route's responses the problems that come from its shape: what any route with a body, a credential or a path may
 * answer. The document then shows all of an operation's codes in its `x-problems`, and which limit of a network it counts for in
 * its `x-network-limit`.
 */
export function addCommonProblems({ method, schema, config }: DescribedRoute): void {
  if (!schema?.response) return;
  const responses = schema.response as Responses;
  const codes: ProblemCode[] = ['invalid-request', 'too-many-requests', 'internal-error', 'unavailable'];
  if (schema.security?.length !== 0)
    codes.push('unauthenticated', 'identity-not-linked', 'user-required', 'permission-missing');
  if (config?.networkLimit) {
    schema['x-network-limit'] = config.networkLimit;
  }
  if (schema.params) codes.push('not-found');
  if (method !== 'GET' && method !== 'HEAD') codes.push('too-large', 'unsupported-media-type');
  for (const code of codes) {
    const status = String(all[code].status);
    const listed = responses[status]?.['x-problems'] ?? [];
    if (!listed.includes(code)) responses[status] = responseOf([...listed, code]);
  }
  schema['x-problems'] = Object.values(responses).flatMap((it) => it['x-problems'] ?? []);
}
