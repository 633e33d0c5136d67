import { type SQL, sql } from 'drizzle-orm';
import { sessions } from '../database/schema.ts';

// When a session is active, in TypeScript and in SQL: test/permissions/twins.test.ts compares them.

/** Whether a session has neither ended nor expired at `now`. */
export const isActiveSessionAt = ({ endedAt, expiresAt }: { endedAt: Date | null; expiresAt: Date }, now: Date) =>
  endedAt === null && expiresAt > now;

/** The same as a SQL condition on `sessions`; raw SQL that uses it must not alias the table. */
export const isActiveSession = (now: SQL) => sql`${sessions.endedAt} is null and ${sessions.expiresAt} > ${now}`;
