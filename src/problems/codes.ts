import { accessProblems } from './codes/access.ts';
import { invitesProblems } from './codes/invites.ts';
import { loginsProblems } from './codes/logins.ts';
import { requestsProblems } from './codes/requests.ts';

/**
 * Every way the API says no. The only place that knows a status for a refusal (RFC 9457: the code names the problem's
 * type, the title is its short text). A code is never renamed or reused.
 */
export const problems = {
  ...requestsProblems,
  ...loginsProblems,
  ...accessProblems,
  ...invitesProblems,
};

export type ProblemCode = keyof typeof problems;
