const whole = (description: string, minimum: number) => ({
  description,
  schema: { type: 'integer' as const, format: 'int32', minimum, maximum: 2_147_483_647 },
});

/** Headers of answers, as the document describes them. */
export const answerHeaders = {
  // draft-ietf-httpapi-ratelimit-headers-06
  'RateLimit-Limit': whole('How many requests the window of the limit holds.', 1),
  'RateLimit-Remaining': whole('How many of them are left.', 0),
  'RateLimit-Reset': whole('Seconds until the window ends.', 0),
  'Retry-After': whole('Seconds after which to try again (RFC 9110).', 1),
  'Access-Control-Allow-Origin': {
    description: 'The origin of the page that asks, where `CORS_ORIGINS` allows it.',
    schema: { type: 'string' as const, maxLength: 300 },
  },
};

type HeaderName = keyof typeof answerHeaders;

interface Operation {
  'x-network-limit'?: string;
  responses?: Record<string, { headers?: object }>;
}

/** Says of every answer which of these headers it carries: those of a limit by network, and when to try again. */
export function withHeaders<Document>(document: Document): Document {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    for (const [status, response] of Object.entries(operation.responses ?? {})) {
      const names = namesOf(operation, status);
      if (names.length > 0) response.headers = refsTo([...names, 'Access-Control-Allow-Origin']);
    }
  }
  return document;
}

const namesOf = (operation: Operation, status: string): HeaderName[] => [
  ...(operation['x-network-limit'] ? (['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'] as const) : []),
  ...(status === '429' ? (['Retry-After'] as const) : []),
];

const refsTo = (names: HeaderName[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
