import type { RefusalDetails } from '../telemetry/security-events.ts';
import { type ProblemCode, problems } from './codes.ts';

export type { ProblemCode };
export { problems };

/** Members that a problem document may carry beside the standard ones. */
export interface ProblemExtensions {
  /** Where the request is wrong: a JSON Pointer (RFC 6901) into the body, or the name of a parameter. */
  errors?: ({ pointer: string; detail: string } | { parameter: string; detail: string })[];
  /** The permission that the caller lacks. */
  permission?: string;
  /** Which permissions the caller lacks to give or take an access. */
  missing?: string[];
  /** The invite that is in the way. */
  inviteId?: string;
  /** Seconds after which to try again, where a limit was reached. */
  retryAfter?: number;
}

/**
 * A refusal. `detail` is a sentence for a person and holds nothing secret; `concerns` is for the audit log alone, and never
 * part of an answer.
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

/** The refusal of one field of the body, for what a JSON Schema can't say. */
export function invalidField(pointer: string, detail: string): Problem {
  return new Problem('invalid-request', undefined, { errors: [{ pointer, detail }] });
}

/** The refusal of one parameter of the query, for what a JSON Schema can't say. */
export function invalidParameter(parameter: string, detail: string): Problem {
  return new Problem('invalid-request', undefined, { errors: [{ parameter, detail }] });
}
