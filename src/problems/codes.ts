import { accessProblems } from './codes/access.ts';
import { inviteProblems } from './codes/invites.ts';
import { loginProblems } from './codes/logins.ts';
import { requestProblems } from './codes/requests.ts';

/**
 * All problems of the API, by their codes, which name the problem type (RFC 9457). The status of a
 * problem is stated only here. A code is never renamed or reused.
 */
export const problems = {
  ...requestProblems,
  ...loginProblems,
  ...accessProblems,
  ...inviteProblems,
};

export type ProblemCode = keyof typeof problems;
