import { Problem } from '../problems/problem.ts';

/** Nobody can remove, suspend or demote the owner. @throws owner-protected. */
export function requireNotOwner(account: { ownerId: string }, userId: string): void {
  if (account.ownerId === userId) throw new Problem('owner-protected');
}
