import { Type } from 'typebox';
import { problems as all, type ProblemCode } from '../problems/problem.ts';
import { problemMediaType } from './problem-json.ts';
import { Integer } from './schemas.ts';

const codes = Object.keys(all) as ProblemCode[];

export const ProblemDocument = Type.Object(
  {
    type: Type.String({ maxLength: 2048, description: 'The URL of a page that explains the code.' }),
    title: Type.String({ maxLength: 200 }),
    status: Integer({ minimum: 400, maximum: 599 }),
    detail: Type.Optional(
      Type.String({ maxLength: 1000, description: 'What went wrong in this request, as a sentence for people.' }),
    ),
    code: Type.Unsafe<ProblemCode>(
      Type.String({ enum: codes, description: 'The problem code. It is stable: branch on it.' }),
    ),
    requestId: Type.String({ maxLength: 64, description: 'The id of the request in the operator’s log.' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          pointer: Type.Optional(
            Type.String({ maxLength: 1000, description: 'A JSON Pointer into the body (RFC 6901).' }),
          ),
          parameter: Type.Optional(Type.String({ maxLength: 200, description: 'The name of the parameter.' })),
          detail: Type.String({ maxLength: 1000 }),
        }),
        { maxItems: 20 },
      ),
    ),
    permission: Type.Optional(Type.String({ maxLength: 100, description: 'The key of the missing permission.' })),
    missing: Type.Optional(
      Type.Array(Type.String({ maxLength: 100 }), {
        maxItems: 200,
        description: 'The permissions that you lack. `*` means all permissions.',
      }),
    ),
    retryAfter: Type.Optional(
      Integer({ minimum: 1, maximum: 2_678_400, description: 'Seconds to wait before trying again.' }),
    ),
    inviteId: Type.Optional(Type.String({ maxLength: 30, description: 'The invite that prevents the request.' })),
  },
  {
    $id: 'Problem',
    description: 'A problem document (RFC 9457).',
    examples: [
      {
        type: 'https://usher.example.com/problems/permission-missing',
        title: all['permission-missing'].title,
        status: 403,
        detail: 'This call requires the permission invites:manage.',
        code: 'permission-missing',
        requestId: 'f4ed3471-9b09-44d2-b3e3-4d96ff751021',
        permission: 'invites:manage',
      },
    ],
  },
);

/**
 * The responses of a route for these problems, by status. Registering the route adds the problems
 * that are common to all routes (see `addCommonProblems`).
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
 * Adds to a route's responses the problems that any route may answer, and those of routes with a
 * body, a credential or a path parameter. Also adds to the OpenAPI document all problem codes of
 * the operation (`x-problems`) and its limit by network (`x-network-limit`).
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
