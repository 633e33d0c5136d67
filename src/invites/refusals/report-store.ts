import { and, count, desc, eq, gt, sql } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { abuseReports, accounts, invites } from '../../database/schema.ts';
import { type InviteRow, inviters } from '../store.ts';

/** Keeps that an invite was reported, and who vouched for it then. @returns whether it is the first report of it. */
export async function insertReport(tx: Tx, invite: InviteRow, now: Date): Promise<boolean> {
  const { accountId, id: inviteId, invitedBy } = invite;
  const kept = await tx
    .insert(abuseReports)
    .values({ accountId, inviteId, invitedBy, createdAt: now })
    .onConflictDoNothing()
    .returning({ inviteId: abuseReports.inviteId });
  return kept.length === 1;
}

const reportedInviter = {
  id: inviters.id,
  name: inviters.name,
  email: inviters.email,
  disabledAt: inviters.disabledAt,
};

/** The newest reports of every account, for operators. Without the address that reported: it is the one that may need hiding. */
export function listReports(db: Db, limit: number) {
  return db
    .select({
      reportedAt: abuseReports.createdAt,
      account: { id: accounts.id, name: accounts.name },
      inviter: reportedInviter,
      invite: { id: invites.id, status: invites.status, createdAt: invites.createdAt, expiresAt: invites.expiresAt },
    })
    .from(abuseReports)
    .innerJoin(accounts, eq(accounts.id, abuseReports.accountId))
    .innerJoin(inviters, eq(inviters.id, abuseReports.invitedBy))
    .innerJoin(invites, and(eq(invites.accountId, abuseReports.accountId), eq(invites.id, abuseReports.inviteId)))
    .orderBy(desc(abuseReports.createdAt), desc(abuseReports.inviteId))
    .limit(limit);
}

/** Reports that are counted at most: the newest. */
const mostCounted = 10_000;

/** How many reports since a time are about each inviter, the most reported first. */
export function countReports(db: Db, since: Date, limit: number) {
  const recent = db
    .select({ invitedBy: abuseReports.invitedBy })
    .from(abuseReports)
    .where(gt(abuseReports.createdAt, since))
    .orderBy(desc(abuseReports.createdAt))
    .limit(mostCounted)
    .as('recent');
  const reports = count();
  return db
    .select({ ...reportedInviter, reports })
    .from(recent)
    .innerJoin(inviters, eq(inviters.id, recent.invitedBy))
    .groupBy(inviters.id)
    .orderBy(desc(sql`count(*)`), inviters.id)
    .limit(limit);
}
