import { earlier, isAhead, lasts } from '../permissions/holding.ts';
import { invalidField, Problem } from '../problems.ts';

/** A key ends with the key that makes it, and not after it. @returns its end. @throws cannot-grant for a later one. */
export function endOfNewKey(asked: Date | null, makersEnd: Date | null): Date | null {
  if (asked === null) return makersEnd;
  if (!lasts(makersEnd, asked)) throw new Problem('cannot-grant', 'A key can’t outlive the key that makes it.');
  return asked;
}

/** @throws invalid-request for a time that is over. */
export function requireAhead(expiresAt: Date | undefined, now: Date): Date | null {
  if (expiresAt === undefined) return null;
  const end = new Date(expiresAt);
  if (!isAhead(end, now)) throw invalidField('/expiresAt', 'must be a time in the future');
  return end;
}

/** When a key ends that another takes the place of: after the overlap, and no later than it would have ended. */
export function endOfReplaced({ expiresAt }: { expiresAt: Date | null }, overlapSeconds: number, now: Date): Date {
  const afterOverlap = new Date(now.getTime() + overlapSeconds * 1000);
  return earlier(afterOverlap, expiresAt) ?? afterOverlap;
}

/** A key that still counts. @throws key-ended. */
export function requireGoing(
  key: { revokedAt: Date | null; expiresAt: Date | null; replacedBy: string | null },
  now: Date,
): void {
  const isOver = key.expiresAt !== null && key.expiresAt <= now;
  if (key.revokedAt !== null || isOver || key.replacedBy !== null) throw new Problem('key-ended');
}
