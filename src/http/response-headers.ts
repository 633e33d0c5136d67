const integerHeader = (description: string, minimum: number) => ({
  description,
  schema: { type: 'integer' as const, format: 'int32', minimum, maximum: 2_147_483_647 },
});

/** Response headers, as the OpenAPI document describes them. */
export const responseHeaders = {
  // draft-ietf-httpapi-ratelimit-headers-06
  'RateLimit-Limit': integerHeader('Requests allowed per window.', 1),
  'RateLimit-Remaining': integerHeader('Requests left in this window.', 0),
  'RateLimit-Reset': integerHeader('Seconds until the window ends.', 0),
  'Retry-After': integerHeader('Seconds to wait before trying again (RFC 9110).', 1),
  'Access-Control-Allow-Origin': {
    description: 'The origin of the calling page, if `CORS_ORIGINS` allows it.',
    schema: { type: 'string' as const, maxLength: 300 },
  },
};

type HeaderName = keyof typeof responseHeaders;

interface Operation {
  'x-network-limit'?: string;
  responses?: Record<string, { headers?: object }>;
}

/** Adds to each response in the OpenAPI document the headers that it has. */
export function withHeaders<Document>(document: Document): Document {
  const { paths = {} } = document as { paths?: Record<string, Record<string, Operation>> };
  for (const operation of Object.values(paths).flatMap((path) => Object.values(path))) {
    for (const [status, response] of Object.entries(operation.responses ?? {})) {
      const names = headerNames(operation, status);
      if (names.length > 0) response.headers = toRefs([...names, 'Access-Control-Allow-Origin']);
    }
  }
  return document;
}

const headerNames = (operation: Operation, status: string): HeaderName[] => [
  ...(operation['x-network-limit'] ? (['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'] as const) : []),
  ...(status === '429' ? (['Retry-After'] as const) : []),
];

const toRefs = (names: HeaderName[]) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
