import type { ProblemKind } from './kind.ts';

/** What any request may be refused with. */
export const requestsProblems = {
  'invalid-request': {
    status: 400,
    title: 'The request is not valid',
    about:
      'Something in the address, the query or the body does not have the form this call asks for. `errors` names each place (a JSON Pointer into the body, or a parameter) and what is wrong there. Nothing was changed. Mend the request and send it again.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    about:
      'There is no such thing, or it is not yours to see: to someone who is not in an account, the account does not exist.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'The method is not allowed here',
    about: 'The address exists, but not with this method. The `Allow` header lists the methods that it has.',
  },
  'request-timeout': {
    status: 408,
    title: 'The request did not arrive in time',
    about:
      'A request must arrive completely within 30 seconds. The connection was closed and nothing was changed: send it again.',
  },
  'headers-too-large': {
    status: 431,
    title: 'The headers of the request are too large',
    about:
      'The headers of a request may be 16 KiB in total. The connection was closed and nothing was changed: send fewer or shorter headers.',
  },
  'too-large': {
    status: 413,
    title: 'The request is too large',
    about: 'A body may have 64 KiB at most, a question of AuthZEN 256 KiB, a catalogue 2 MiB, that of a webhook 4 MiB.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'The content type is not supported',
    about:
      'Bodies are JSON: send `Content-Type: application/json`. What mail clients call by itself takes a form, as its description says.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    about:
      'A limit was reached: on tries from one network, for one address, or on mails caused by one person or account. Nothing was done. Try again after the seconds in `Retry-After`, which `retryAfter` repeats. Someone who cannot log in because others try their password can still log in from where they did before, or with the link that `POST /v1/auth/password-reset` mails.',
  },
  'internal-error': {
    status: 500,
    title: 'Something went wrong on our side',
    about: 'An error that nobody foresaw. Quote the `requestId` to the operator, who finds it in the log.',
  },
  unavailable: {
    status: 503,
    title: 'The service cannot answer right now',
    about:
      'Something that the service needs did not answer in time, as a rule the database. Whether a change was made is not known. Try again after the seconds in `Retry-After`.',
  },
} as const satisfies Record<string, ProblemKind>;
