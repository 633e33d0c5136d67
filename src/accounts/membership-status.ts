import { and, isNull, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { memberships } from '../database/schema.ts';

// When a membership is active, in TypeScript and in SQL. test/permissions/twins.test.ts compares the two.

export type MembershipStatus = 'active' | 'suspended' | 'ended';

/** A membership's status at a time. */
export function membershipStatusAt(
  { suspendedAt, endsAt }: { suspendedAt: Date | null; endsAt: Date | null },
  now: Date,
): MembershipStatus {
  if (suspendedAt !== null) return 'suspended';
  return endsAt !== null && endsAt <= now ? 'ended' : 'active';
}

type Columns = Record<'suspendedAt' | 'endsAt', SQLWrapper>;

/**
 * Whether a membership is active, as a condition.
 * @param columns those of `memberships` in a query of Drizzle's; raw SQL names its own.
 */
export const isActiveMembership = (now: SQL, columns: Columns = memberships) =>
  and(isNull(columns.suspendedAt), or(isNull(columns.endsAt), sql`${columns.endsAt} > ${now}`));
