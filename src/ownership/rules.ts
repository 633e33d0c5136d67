import { Problem } from '../problems/problem.ts';

/** Ownership is the owner's to give: members with all permissions do not hold it. @throws cannot-grant. */
export function requireOwner(context: { isOwner: boolean }): void {
  if (!context.isOwner) throw new Problem('cannot-grant', 'Only the owner can do this.');
}
