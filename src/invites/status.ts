import { and, gt, lte, or, type Param, type SQL } from 'drizzle-orm';
import { invites } from '../database/schema.ts';
import { equalsLiteral } from '../database/statements.ts';

// The status of an invite, in TypeScript and SQL. test/permissions/twins.test.ts compares them.

export type InviteStatus = 'pending' | 'accepted' | 'declined' | 'revoked' | 'expired';

/** The status of an invite at `now`: a pending invite becomes expired at `expiresAt`. */
export function statusAt({ status, expiresAt }: { status: InviteStatus; expiresAt: Date }, now: Date): InviteStatus {
  return status === 'pending' && expiresAt <= now ? 'expired' : status;
}

/** `statusAt` as a condition on `invites`. In raw SQL, the table must have no alias. */
export function hasStatus(status: InviteStatus, now: Date | Param | SQL): SQL | undefined {
  if (status === 'pending') return and(equalsLiteral(invites.status, 'pending'), gt(invites.expiresAt, now));
  if (status !== 'expired') return equalsLiteral(invites.status, status);
  return or(
    equalsLiteral(invites.status, 'expired'),
    and(equalsLiteral(invites.status, 'pending'), lte(invites.expiresAt, now)),
  );
}
