import { and, isNull, or, type SQL, type SQLWrapper, sql } from 'drizzle-orm';
import { memberships } from '../database/schema.ts';

// Whether a membership is active, in TypeScript and in SQL. test/permissions/twins.test.ts checks
// that the two agree.

export type MembershipStatus = 'active' | 'suspended' | 'ended';

/** A membership's status at `now`: ended from `endsAt` on, unless it is suspended. */
export function membershipStatusAt(
  { suspendedAt, endsAt }: { suspendedAt: Date | null; endsAt: Date | null },
  now: Date,
): MembershipStatus {
  if (suspendedAt !== null) return 'suspended';
  return endsAt !== null && endsAt <= now ? 'ended' : 'active';
}

type Columns = Record<'suspendedAt' | 'endsAt', SQLWrapper>;

/**
 * Whether a membership is active at `now`, as an SQL condition.
 * @param columns the columns to test: by default those of `memberships` in a Drizzle query.
 */
export const isActiveMembership = (now: SQL, columns: Columns = memberships) =>
  and(isNull(columns.suspendedAt), or(isNull(columns.endsAt), sql`${columns.endsAt} > ${now}`));
