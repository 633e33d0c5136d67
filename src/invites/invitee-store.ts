import { and, desc, eq, isNotNull, lt, ne, sql } from 'drizzle-orm';
import { mayActInName } from '../accounts/store.ts';
import type { Db, Tx } from '../database/database.ts';
import { accounts, invites, memberships, users } from '../database/schema.ts';
import { placeholderFor, prepared } from '../database/statements.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import { hasStatus } from './status.ts';
import { inviterColumns, inviters } from './store.ts';

/** Pending invites for an address in every account, newest first, one more than `limit`. */
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

/** Which account an invite for an address is of. */
export async function findAccountOfInvite(db: Db, id: InviteId, email: string): Promise<AccountId | undefined> {
  const [found] = await db
    .select({ accountId: invites.accountId })
    .from(invites)
    .where(and(eq(invites.email, email), eq(invites.id, id)));
  return found?.accountId;
}

const offer = prepared('find_offer', (db) =>
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

/** An invite with all that its mail and its preview say, and whether its inviter is active. */
export async function findOffer(db: Db, accountId: AccountId, inviteId: InviteId, now: Date) {
  const [found] = await offer(db).execute({ accountId, inviteId, now });
  return found;
}

/**
 * An invite with its account, both locked until the transaction ends, as they are once they are
 * locked. The account first, like every change of who is in it.
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

/** Keeps why a try to accept failed, on an invite that was not accepted. */
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
