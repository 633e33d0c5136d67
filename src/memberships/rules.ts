import { Problem } from '../problems.ts';

/** Nobody removes, suspends or demotes the owner. @throws owner-protected. */
export function requireNotOwner(account: { ownerId: string }, userId: string): void {
  if (account.ownerId === userId) throw new Problem('owner-protected');
}
