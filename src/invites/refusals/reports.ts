import type { Db } from '../../database/database.ts';
import { statusAt } from '../status.ts';
import { countReports, listReports } from './report-store.ts';

/** Milliseconds that reports are counted back. */
const counted = 30 * 24 * 3_600_000;

/** What an operator looks at: the newest reports, and whoever was reported most in the last 30 days, up to `limit` of each. */
export async function reportsAt(db: Db, now: Date, limit: number) {
  const reports = await listReports(db, limit);
  const inviters = await countReports(db, new Date(now.getTime() - counted), limit);
  return {
    reports: reports.map(({ invite, ...report }) => ({
      ...report,
      invite: { id: invite.id, status: statusAt(invite, now), createdAt: invite.createdAt },
    })),
    inviters,
  };
}
