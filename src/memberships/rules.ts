import { Problem } from '../problems/problem.ts';

/** Nobody removes, suspends or demotes the owner. @throws owner-protected. */
export function requireNotOwner(account: { ownerId: string }, userId: string): void {
  if (account.ownerId === userId) throw new Problem('owner-protected');
}
