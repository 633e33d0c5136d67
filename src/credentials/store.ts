import { type SQL, sql } from 'drizzle-orm';
import type { Db } from '../database/database.ts';
import { accountKeys, identities, sessions, users } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import { isActiveApiKey } from './api-key-status.ts';
import type { Caller } from './caller.ts';
import { isActiveSession } from './session-status.ts';
import { markVerified } from './verification.ts';

const now = sql`${placeholderFor(sessions.expiresAt, 'now')}`;

/**
 * A condition for prepared queries that join `users`: the caller's user is not disabled, and their
 * session, identity or account key is valid. `callerValues` gives the values.
 */
export const isValidCaller = () =>
  sql`${users.id} = ${placeholderFor(users.id, 'userId')} and ${users.disabledAt} is null and (
    exists (select from ${accountKeys}
      where ${accountKeys.accountId} = ${placeholderFor(accountKeys.accountId, 'keyAccountId')} and ${accountKeys.id} = ${placeholderFor(accountKeys.id, 'keyId')}
        and ${accountKeys.userId} = ${users.id} and ${accountKeys.hash} = ${sql.placeholder('keyHash')} and ${isActiveApiKey(accountKeys, now)})
    or ${isLoggedIn({
      sessionId: sql`${placeholderFor(sessions.id, 'sessionId')}`,
      identityId: sql`${placeholderFor(identities.id, 'identityId')}`,
      now,
    })})`;

/**
 * A condition for queries on `users`: the session belongs to the user and is active, or the
 * identity is linked to the user. An identity is valid as long as it is linked; its tokens have
 * their own expiry.
 */
export const isLoggedIn = ({ sessionId, identityId, now }: Record<'sessionId' | 'identityId' | 'now', SQL>) => sql`(
    exists (select from ${sessions}
      where ${sessions.id} = ${sessionId} and ${sessions.userId} = ${users.id} and ${isActiveSession(now)})
    or exists (select from ${identities} where ${identities.id} = ${identityId} and ${identities.userId} = ${users.id}))`;

/** The values of a prepared query that uses `isValidCaller` or looks up the platform key. */
export const callerValues = ({ userId, sessionId, identityId, apiKey, now }: Caller) => ({
  ...{ userId, sessionId, identityId, now },
  keyId: apiKey?.id ?? null,
  keyHash: apiKey?.hash ?? null,
  keyAccountId: apiKey?.kind === 'account' ? apiKey.accountId : null,
});

/** A string that is equal for equal credentials only. */
export const credentialKey = ({ userId, sessionId, identityId, apiKey }: Caller): string =>
  [
    userId,
    sessionId,
    identityId,
    apiKey?.id,
    apiKey?.hash,
    apiKey?.kind === 'account' ? apiKey.accountId : apiKey?.kind,
  ].join();

const callingUser = prepared('find_calling_user', (db) => db.select().from(users).where(isValidCaller()));

/** @returns the caller's user; undefined if the credential is no longer valid. */
export function findCallingUser(db: Db, caller: Caller): Promise<typeof users.$inferSelect | undefined> {
  const rows = callingUser(db).execute(callerValues(caller));
  return markVerified(
    caller,
    rows.then(([user]) => user),
  );
}
