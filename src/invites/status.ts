import { and, gt, lte, or, type Param, type SQL } from 'drizzle-orm';
import { invites } from '../database/schema.ts';
import { equalsLiteral } from '../database/statements.ts';

// When an invite is pending, in TypeScript and in SQL. test/permissions/twins.test.ts compares the two.

export type InviteStatus = 'pending' | 'accepted' | 'declined' | 'revoked' | 'expired';

/** An invite's status at a time. */
export function statusAt({ status, expiresAt }: { status: InviteStatus; expiresAt: Date }, now: Date): InviteStatus {
  return status === 'pending' && expiresAt <= now ? 'expired' : status;
}

/** `statusAt`, as a condition on `invites`, also for raw SQL that gives this table no alias. */
export function hasStatus(status: InviteStatus, now: Date | Param | SQL): SQL | undefined {
  if (status === 'pending') return and(equalsLiteral(invites.status, 'pending'), gt(invites.expiresAt, now));
  if (status !== 'expired') return equalsLiteral(invites.status, status);
  return or(
    equalsLiteral(invites.status, 'expired'),
    and(equalsLiteral(invites.status, 'pending'), lte(invites.expiresAt, now)),
  );
}
