import { and, count, desc, eq, gt, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { abuseReports, accounts, invites } from '../../database/schema.ts';
import { type InviteRow, inviters } from '../store.ts';

/**
 * Records a report of an invite and of its current inviter.
 * @returns whether it is the first report.
 */
export async function insertReport(tx: Tx, invite: InviteRow, now: Date): Promise<boolean> {
  const { accountId, id: inviteId, invitedBy } = invite;
  const inserted = await tx
    .insert(abuseReports)
    .values({ accountId, inviteId, invitedBy, createdAt: now })
    .onConflictDoNothing()
    .returning({ inviteId: abuseReports.inviteId });
  return inserted.length === 1;
}

const inviterSummary = {
  id: inviters.id,
  name: inviters.name,
  email: inviters.email,
  disabledAt: inviters.disabledAt,
};

/**
 * The newest reports across all accounts, for the operator. Omits the address of the invitee, to
 * protect them.
 */
export function listReports(db: Db, limit: number) {
  return db
    .select({
      reportedAt: abuseReports.createdAt,
      account: { id: accounts.id, name: accounts.name },
      inviter: inviterSummary,
      invite: { id: invites.id, status: invites.status, createdAt: invites.createdAt, expiresAt: invites.expiresAt },
    })
    .from(abuseReports)
    .innerJoin(accounts, eq(accounts.id, abuseReports.accountId))
    .innerJoin(inviters, eq(inviters.id, abuseReports.invitedBy))
    .innerJoin(invites, and(eq(invites.accountId, abuseReports.accountId), eq(invites.id, abuseReports.inviteId)))
    .orderBy(desc(abuseReports.createdAt), desc(abuseReports.inviteId))
    .limit(limit);
}

/** Only this many of the newest reports are counted. */
const maxCounted = 10_000;

/** The number of reports of each inviter since a time, highest first. */
export function countReports(db: Db, since: Date, limit: number) {
  const recent = db
    .select({ invitedBy: abuseReports.invitedBy })
    .from(abuseReports)
    .where(gt(abuseReports.createdAt, since))
    .orderBy(desc(abuseReports.createdAt))
    .limit(maxCounted)
    .as('recent');
  const reports = count();
  return db
    .select({ ...inviterSummary, reports })
    .from(recent)
    .innerJoin(inviters, eq(inviters.id, recent.invitedBy))
    .groupBy(inviters.id)
    .orderBy(desc(sql`count(*)`), inviters.id)
    .limit(limit);
}
