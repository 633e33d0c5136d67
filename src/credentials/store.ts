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
 * Of a prepared query about the caller: the user is not disabled, and the session, identity or
 * account key that the caller's credential names is valid. `valuesOfCaller` has the values.
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
 * Of a query of `users`: whether a session of theirs is active, or an identity is linked to them. An
 * identity is valid as long as it is linked; how long its token is valid is in the token.
 */
export const isLoggedIn = ({ sessionId, identityId, now }: Record<'sessionId' | 'identityId' | 'now', SQL>) => sql`(
    exists (select from ${sessions}
      where ${sessions.id} = ${sessionId} and ${sessions.userId} = ${users.id} and ${isActiveSession(now)})
    or exists (select from ${identities} where ${identities.id} = ${identityId} and ${identities.userId} = ${users.id}))`;

/** The values of a prepared query that has `isValidCaller`, or a platform key that is calling. */
export const valuesOfCaller = ({ userId, sessionId, identityId, apiKey, now }: Caller) => ({
  ...{ userId, sessionId, identityId, now },
  keyId: apiKey?.id ?? null,
  keyHash: apiKey?.hash ?? null,
  keyAccountId: apiKey?.kind === 'account' ? apiKey.accountId : null,
});

/** A text that is the same for the same credential only. */
export const credentialOf = ({ userId, sessionId, identityId, apiKey }: Caller): string =>
  [
    userId,
    sessionId,
    identityId,
    apiKey?.id,
    apiKey?.hash,
    apiKey?.kind === 'account' ? apiKey.accountId : apiKey?.kind,
  ].join();

const callingUser = prepared('find_calling_user', (db) => db.select().from(users).where(isValidCaller()));

/** The caller's user; undefined if the credential is not valid any more. */
export function findCallingUser(db: Db, caller: Caller): Promise<typeof users.$inferSelect | undefined> {
  const found = callingUser(db).execute(valuesOfCaller(caller));
  return markVerified(
    caller,
    found.then(([user]) => user),
  );
}
