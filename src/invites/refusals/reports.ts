import type { Db } from '../../database/database.ts';
import { statusAt } from '../status.ts';
import { countReports, listReports } from './report-store.ts';

/** Milliseconds. Older reports are not counted. */
const countedPeriod = 30 * 24 * 3_600_000;

/**
 * The newest reports, and the inviters with the most reports in the last 30 days, at most `limit`
 * of each.
 */
export async function reportsAt(db: Db, now: Date, limit: number) {
  const reports = await listReports(db, limit);
  const inviters = await countReports(db, new Date(now.getTime() - countedPeriod), limit);
  return {
    reports: reports.map(({ invite, ...report }) => ({
      ...report,
      invite: { id: invite.id, status: statusAt(invite, now), createdAt: invite.createdAt },
    })),
    inviters,
  };
}
