import { and, eq, gt, isNull, type SQL, sql } from 'drizzle-orm';
import { proving } from '../credential-proof.ts';
import type { Db, Tx } from '../database/database.ts';
import {
  accountKeys,
  emailChanges,
  identities,
  memberships,
  outbox,
  type platformKeys,
  registrations,
  sessions,
  users,
} from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import { type DeliveryId, type EmailChangeId, newId, type RegistrationId, type UserId } from '../ids.ts';
import { moveEpochs } from '../permissions/epoch-store.ts';
import type { Caller } from '../service.ts';

export type UserRow = typeof users.$inferSelect;
export type RegistrationRow = typeof registrations.$inferSelect;
export type EmailChangeRow = typeof emailChanges.$inferSelect;

// --- Who is calling -------------------------------------------------------------------------------------------------

/** Of a prepared query about the caller: the user is not disabled, and what the caller's token or key names still stands. */
export const isStanding = () =>
  sql`${users.id} = ${placeholderFor(users.id, 'userId')} and ${users.disabledAt} is null and (
    exists (select from ${accountKeys}
      where ${accountKeys.accountId} = ${placeholderFor(accountKeys.accountId, 'keyAccountId')} and ${accountKeys.id} = ${placeholderFor(accountKeys.id, 'keyId')}
        and ${accountKeys.userId} = ${users.id} and ${accountKeys.hash} = ${sql.placeholder('keyHash')} and ${isUsable(accountKeys)})
    or ${isLoggedIn({
      sessionId: sql`${placeholderFor(sessions.id, 'sessionId')}`,
      identityId: sql`${placeholderFor(identities.id, 'identityId')}`,
      now: sql`${placeholderFor(sessions.expiresAt, 'now')}`,
    })})`;

/** Of a query of `users`: whether a session or an identity is theirs and still stands. */
export const isLoggedIn = ({ sessionId, identityId, now }: Record<'sessionId' | 'identityId' | 'now', SQL>) => sql`(
    exists (select from ${sessions}
      where ${sessions.id} = ${sessionId} and ${sessions.userId} = ${users.id}
        and ${sessions.endedAt} is null and ${sessions.expiresAt} > ${now})
    or exists (select from ${identities} where ${identities.id} = ${identityId} and ${identities.userId} = ${users.id}))`;

/** Of a prepared query: a key is neither revoked nor expired. */
export const isUsable = (keys: typeof accountKeys | typeof platformKeys) =>
  sql`${keys.revokedAt} is null and (${keys.expiresAt} is null or ${keys.expiresAt} > ${placeholderFor(sessions.expiresAt, 'now')})`;

/** What `isStanding` asks of a caller. */
export const standingOf = ({ userId, sessionId, identityId, key, now }: Caller) => ({
  ...{ userId, sessionId, identityId, now },
  keyId: key?.id ?? null,
  keyHash: key?.hash ?? null,
  keyAccountId: key?.kind === 'account' ? key.accountId : null,
});

/** The caller's credential, which stands for all that is asked with it at once, or for none of it. */
export const credentialOf = ({ userId, sessionId, identityId, key }: Caller): string =>
  [userId, sessionId, identityId, key?.id, key?.hash, key?.kind === 'account' ? key.accountId : key?.kind].join();

const standing = prepared('find_standing_user', (db) => db.select().from(users).where(isStanding()));

/** The user that a caller is, if they still are. */
export function findStandingUser(db: Db, caller: Caller): Promise<UserRow | undefined> {
  const found = standing(db).execute(standingOf(caller));
  return proving(
    caller,
    found.then(([user]) => user),
  );
}

// --- Users ----------------------------------------------------------------------------------------------------------

const byEmail = prepared('find_user_by_email', (db) =>
  db
    .select()
    .from(users)
    .where(eq(users.email, placeholderFor(users.email, 'email'))),
);

export async function findUserByEmail(db: Db, email: string): Promise<UserRow | undefined> {
  const [user] = await byEmail(db).execute({ email });
  return user;
}

export async function findUser(db: Db, id: UserId): Promise<UserRow | undefined> {
  const [user] = await db.select().from(users).where(eq(users.id, id));
  return user;
}

/**
 * A user, held until the transaction ends. Whatever changes how someone logs in holds them before anything that hangs on them
 * (resets, changes of address, sessions): so one change comes after the other, and none waits for ever.
 */
export async function lockUser(tx: Tx, id: UserId): Promise<UserRow | undefined> {
  const [user] = await tx.select().from(users).where(eq(users.id, id)).for('no key update');
  return user;
}

/** The same, as long as the user's password is still the one that was proven: it is not changed meanwhile. */
export async function lockUserByPassword(tx: Tx, id: UserId, passwordHash: string): Promise<UserRow | undefined> {
  const [user] = await tx
    .select()
    .from(users)
    .where(and(eq(users.id, id), eq(users.passwordHash, passwordHash), isNull(users.disabledAt)))
    .for('no key update');
  return user;
}

/** Locks a user against changes until the transaction ends. The lock is shared. */
export async function lockUserForShare(tx: Tx, id: UserId): Promise<void> {
  await tx.select({ id: users.id }).from(users).where(eq(users.id, id)).for('share');
}

/** A new user whose address is verified. */
export const newUserRow = (
  user: Pick<UserRow, 'email' | 'name' | 'passwordHash' | 'locale' | 'createdAt'>,
): UserRow => ({
  ...user,
  id: newId('usr'),
  externalId: null,
  disabledAt: null,
});

/** @returns whether it was inserted: false where a user with this address exists. */
export async function insertUser(tx: Tx, user: Omit<UserRow, 'disabledAt' | 'externalId'>): Promise<boolean> {
  const inserted = await tx
    .insert(users)
    .values(user)
    .onConflictDoNothing({ target: users.email })
    .returning({ id: users.id });
  return inserted.length === 1;
}

export async function updateUser(db: Db, id: UserId, changes: Partial<UserRow>): Promise<void> {
  await db.update(users).set(changes).where(eq(users.id, id));
}

/** Moves the epoch of every account of a user, before any other row of theirs is locked. */
export function moveEpochsOf(tx: Tx, id: UserId): Promise<void> {
  return moveEpochs(tx, sql`select account_id from memberships where user_id = ${sql.param(id, memberships.userId)}`);
}

// --- Registrations --------------------------------------------------------------------------------------------------

/**
 * The mail of a registration or a reset. One that is not sent is written as dropped, by the same
 * statement.
 */
export interface PromisedMail {
  id: DeliveryId;
  isSent: boolean;
}

/** The outbox row of such a mail. */
export const outboxRowOf = ({ id, isSent }: PromisedMail, createdAt: Date) => ({
  id,
  ...(isSent ? { status: 'queued' as const } : { status: 'dropped' as const, settledAt: createdAt }),
  attempts: 0,
  dueAt: createdAt,
  createdAt,
});

/** Stores a registration and enqueues its mail. One statement, and so a transaction by itself. */
export async function insertRegistration(db: Db, registration: RegistrationRow, mail: PromisedMail): Promise<void> {
  const { id: registrationId, createdAt } = registration;
  const kept = db.$with('kept').as(db.insert(registrations).values(registration).returning({ id: registrations.id }));
  await db
    .with(kept)
    .insert(outbox)
    .values({ ...outboxRowOf(mail, createdAt), kind: 'registration', registrationId });
}

export async function findRegistration(db: Db, id: RegistrationId, now: Date): Promise<RegistrationRow | undefined> {
  const [found] = await db
    .select()
    .from(registrations)
    .where(and(eq(registrations.id, id), gt(registrations.expiresAt, now)));
  return found;
}

/**
 * Deletes every registration of an address.
 * @returns the ids of those that this transaction deleted.
 */
export async function deleteRegistrations(tx: Tx, email: string): Promise<RegistrationId[]> {
  const deleted = await tx
    .delete(registrations)
    .where(eq(registrations.email, email))
    .returning({ id: registrations.id });
  return deleted.map((it) => it.id);
}

// --- Changes of address ---------------------------------------------------------------------------------------------

/** Keeps a change of address until it is confirmed, in place of any that waited, and promises the mail to the new one. */
export async function insertEmailChange(
  tx: Tx,
  change: Omit<EmailChangeRow, 'confirmedAt'>,
  deliveryId: DeliveryId,
): Promise<void> {
  const { id: emailChangeId, userId, createdAt } = change;
  await deleteEmailChanges(tx, userId);
  await tx.insert(emailChanges).values(change);
  await promise(tx, { id: deliveryId, kind: 'email-change', emailChangeId }, createdAt);
}

/** Milliseconds in which a new address can be confirmed, from when its mail is due. */
const emailChangeLifetime = 24 * 3_600_000;
/** Milliseconds after its request at which a change ends, however long its mail is delayed. */
const longestEmailChange = 7 * emailChangeLifetime;

export const emailChangeExpiry = (mailDueAt: Date) => new Date(mailDueAt.getTime() + emailChangeLifetime);

/** Lets a change end later because its mail is delayed, so that the link in it is valid for as long. */
export async function postponeEmailChange(tx: Tx, id: EmailChangeId, mailDueAt: Date): Promise<void> {
  const change = await findEmailChange(tx, id);
  if (!change) return;
  const latest = new Date(change.createdAt.getTime() + longestEmailChange);
  const expiresAt = new Date(Math.min(emailChangeExpiry(mailDueAt).getTime(), latest.getTime()));
  await tx.update(emailChanges).set({ expiresAt }).where(eq(emailChanges.id, id));
}

/** Takes away what a user asked for and has not confirmed. */
export async function deleteEmailChanges(tx: Tx, userId: UserId): Promise<void> {
  await tx.delete(emailChanges).where(and(eq(emailChanges.userId, userId), isNull(emailChanges.confirmedAt)));
}

export async function findEmailChange(db: Db, id: EmailChangeId): Promise<EmailChangeRow | undefined> {
  const [found] = await db.select().from(emailChanges).where(eq(emailChanges.id, id));
  return found;
}

/** Takes a change that waits and whose time is not over, so that nobody else can. */
export async function markEmailChangeConfirmed(tx: Tx, id: EmailChangeId, now: Date) {
  const [taken] = await tx
    .update(emailChanges)
    .set({ confirmedAt: now })
    .where(and(eq(emailChanges.id, id), isNull(emailChanges.confirmedAt), gt(emailChanges.expiresAt, now)))
    .returning();
  return taken as EmailChangeRow | undefined;
}

/** Writes the new address in place of the old one, of a user who may log in. @returns whether it was written. */
export async function replaceEmail(tx: Tx, { userId, oldEmail, email }: EmailChangeRow): Promise<boolean> {
  const written = await tx
    .update(users)
    .set({ email })
    .where(and(eq(users.id, userId), eq(users.email, oldEmail), isNull(users.disabledAt)))
    .returning({ id: users.id });
  return written.length === 1;
}

/** Promises a mail about a user. */
export async function promise(
  tx: Tx,
  mail: Pick<typeof outbox.$inferInsert, 'id' | 'kind' | 'emailChangeId' | 'accountId' | 'userId'>,
  now: Date,
): Promise<void> {
  await tx.insert(outbox).values({ ...mail, status: 'queued', attempts: 0, dueAt: now, createdAt: now });
}
