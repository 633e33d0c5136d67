import { Problem } from '../problems/problem.ts';

/** Requires the owner. Members with all permissions are not the owner. @throws cannot-grant. */
export function requireOwner(context: { isOwner: boolean }): void {
  if (!context.isOwner) throw new Problem('cannot-grant', 'Only the owner can do this.');
}
