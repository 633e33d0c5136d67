import { and, desc, eq, isNotNull, lt, ne, sql } from 'drizzle-orm';
import { mayActInName } from '../accounts/store.ts';
import type { Db, Tx } from '../database/database.ts';
import { accounts, invites, memberships, users } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import { hasStatus } from './status.ts';
import { inviterColumns, inviters } from './store.ts';

/** Pending invites for an address in all accounts, newest first, at most `limit` + 1. */
export function listInvitesFor(
  db: Db,
  email: string,
  now: Date,
  { limit, cursor }: { limit: number; cursor?: InviteId },
) {
  return db
    .select({ invite: invites, inviter: inviterColumns, account: { id: accounts.id, name: accounts.name } })
    .from(invites)
    .innerJoin(inviters, eq(inviters.id, invites.invitedBy))
    .innerJoin(accounts, eq(accounts.id, invites.accountId))
    .where(
      and(
        eq(invites.email, email),
        hasStatus('pending', now),
        cursor === undefined ? undefined : lt(invites.id, cursor),
      ),
    )
    .orderBy(desc(invites.id))
    .limit(limit + 1);
}

/** The account of an invite, if the invite is for this address. */
export async function findAccountOfInvite(db: Db, id: InviteId, email: string): Promise<AccountId | undefined> {
  const [found] = await db
    .select({ accountId: invites.accountId })
    .from(invites)
    .where(and(eq(invites.email, email), eq(invites.id, id)));
  return found?.accountId;
}

const inviteDetails = prepared('find_offer', (db) =>
  db
    .select({
      invite: invites,
      inviter: inviterColumns,
      account: accounts,
      isInviterActive: mayActInName(inviters, sql`${placeholderFor(memberships.endsAt, 'now')}`),
      hasLogin: isNotNull(users.id).mapWith(Boolean),
    })
    .from(invites)
    .innerJoin(accounts, eq(accounts.id, invites.accountId))
    .innerJoin(inviters, eq(inviters.id, invites.invitedBy))
    .leftJoin(
      memberships,
      and(
        eq(memberships.accountId, placeholderFor(invites.accountId, 'accountId')),
        eq(memberships.userId, invites.invitedBy),
      ),
    )
    .leftJoin(users, eq(users.email, invites.email))
    .where(
      and(
        eq(invites.accountId, placeholderFor(invites.accountId, 'accountId')),
        eq(invites.id, placeholderFor(invites.id, 'inviteId')),
      ),
    ),
);

/**
 * An invite with its account and inviter, whether the inviter is active, and whether the address
 * has a login.
 */
export async function findInviteDetails(db: Db, accountId: AccountId, inviteId: InviteId, now: Date) {
  const [found] = await inviteDetails(db).execute({ accountId, inviteId, now });
  return found;
}

/**
 * Locks an account and one of its invites until the transaction ends, and returns both as read
 * under the lock. Locks the account first, like every change of its members.
 */
export async function lockAccountAndInvite(tx: Tx, accountId: AccountId, id: InviteId) {
  const [locked] = await tx
    .select({ account: accounts, invite: invites })
    .from(accounts)
    .innerJoin(invites, eq(invites.accountId, accounts.id))
    .where(and(eq(accounts.id, accountId), eq(invites.accountId, accountId), eq(invites.id, id)))
    .for('no key update');
  return locked;
}

/** Records on an invite why an attempt to accept it failed, unless it is accepted by now. */
export async function recordFailedAttempt(
  tx: Tx,
  accountId: AccountId,
  id: InviteId,
  reason: string,
  at: Date,
): Promise<void> {
  await tx
    .update(invites)
    .set({ lastAttemptAt: at, lastAttemptReason: reason })
    .where(and(eq(invites.accountId, accountId), eq(invites.id, id), ne(invites.status, 'accepted')));
}
