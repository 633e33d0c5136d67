import type { ProblemKind } from './kind.ts';

/** Problems of any request. */
export const requestProblems = {
  'invalid-request': {
    status: 400,
    title: 'The request is not valid',
    about:
      'The URL, the query or the body does not match the schema of this call. `errors` lists each fault: a JSON Pointer into the body or the name of a parameter, and what is wrong there. Nothing was changed. Fix these and send the request again.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    about:
      'It does not exist, or you may not see it. For a caller who is not a member of an account, that account does not exist.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The method is not allowed here',
    about: 'The URL exists, but does not support this method. The `Allow` header lists the methods that it supports.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time',
    about:
      'A request must arrive completely within 30 seconds. The connection was closed and nothing was changed. Send the request again.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The request headers are too large',
    about:
      'The headers of a request may have at most 16 KiB in total. The connection was closed and nothing was changed. Send fewer or shorter headers.',
  },
  'too-large': {
    status: 413,
    title: 'The request body is too large',
    about:
      'A body may have at most 64 KiB. AuthZEN requests may have 256 KiB, a catalogue 2 MiB, and webhook requests 4 MiB.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The content type is not supported',
    about:
      'Bodies are JSON: send `Content-Type: application/json`. Only the calls that mail clients make take forms, as their descriptions say.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    about:
      'A rate limit was exceeded: of requests from one network, of attempts for one address, or of mails that one person or account causes. Nothing was done. Try again after the number of seconds in `Retry-After`, which is also in `retryAfter`. A user who cannot log in because others try their password can still log in from a network that they logged in from before, or after a password reset (`POST /v1/auth/password-reset`).',
  },
  'internal-error': {
    status: 500,
    title: 'Internal error',
    about:
      'An unexpected error in the service. Give the `requestId` to the operator, who can find the error in the log.',
  },
  unavailable: {
    status: 503,
    title: 'The service is unavailable',
    about:
      'Something that the service needs, usually the database, did not answer in time. It is unknown whether a change was made. Try again after the number of seconds in `Retry-After`.',
  },
} as const satisfies Record<string, ProblemKind>;
