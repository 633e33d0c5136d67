import type { RefusalDetails } from '../telemetry/security-events.ts';
import { type ProblemCode, problems } from './codes.ts';

export type { ProblemCode };
export { problems };

/** Members of a problem document in addition to the standard ones. */
export interface ProblemExtensions {
  /**
   * Where the request is wrong: a JSON Pointer (RFC 6901) into the body, or the name of a
   * parameter.
   */
  errors?: ({ pointer: string; detail: string } | { parameter: string; detail: string })[];
  /** The permission that the caller lacks. */
  permission?: string;
  /** The permissions that the caller lacks to grant, change or remove an access. */
  missing?: string[];
  /** The invite that prevents the request. */
  inviteId?: string;
  /** Seconds after which to try again, if a limit was exceeded. */
  retryAfter?: number;
}

/**
 * An error that is answered as a problem document. `detail` is a sentence for people and contains
 * no secrets. `logDetails` go only to the audit log.
 */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly detail: string | undefined;
  readonly extensions: ProblemExtensions;
  readonly logDetails: RefusalDetails;

  constructor(code: ProblemCode, detail?: string, extensions: ProblemExtensions = {}, logDetails: RefusalDetails = {}) {
    super(detail ?? problems[code].title);
    this.name = 'Problem';
    this.code = code;
    this.detail = detail;
    this.extensions = extensions;
    this.logDetails = logDetails;
  }
}

/** The problem of one field of the body, for rules that a JSON Schema can't express. */
export function invalidField(pointer: string, detail: string): Problem {
  return new Problem('invalid-request', undefined, { errors: [{ pointer, detail }] });
}

/** The problem of one query parameter, for rules that a JSON Schema can't express. */
export function invalidParameter(parameter: string, detail: string): Problem {
  return new Problem('invalid-request', undefined, { errors: [{ parameter, detail }] });
}
