import { type SQL, sql } from 'drizzle-orm';
import { sessions } from '../database/schema.ts';

// When a session is active, in TypeScript and in SQL. test/permissions/twins.test.ts compares the two.

/** Whether a session is neither ended nor left unused for too long. */
export const isActiveSessionAt = ({ endedAt, expiresAt }: { endedAt: Date | null; expiresAt: Date }, now: Date) =>
  endedAt === null && expiresAt > now;

/** The same, as a condition on `sessions`, also for raw SQL that gives this table no alias. */
export const isActiveSession = (now: SQL) => sql`${sessions.endedAt} is null and ${sessions.expiresAt} > ${now}`;
