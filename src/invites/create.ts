import { type AccountContext, enterAccount, queueClientFor } from '../accounts/enter.ts';
import { requireActiveUser } from '../accounts/platform.ts';
import { lockCallingKey } from '../accounts/store.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Tx } from '../database/database.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { transaction } from '../database/transaction.ts';
import { type AccountId, newId } from '../ids/ids.ts';
import { lockMembership } from '../memberships/store.ts';
import { type Access, toAccess } from '../permissions/access.ts';
import { resolveRequestedAccess } from '../permissions/resolve-access.ts';
import { requireGrantable, requirePermission } from '../permissions/rules.ts';
import { invalidField, Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { requireCanonicalEmail } from '../text/email-address.ts';
import { type InviteMessages, insertInvite, markExpired, type NewInviteRow } from './create-store.ts';
import { inviteExpiryFrom, newInviteMessages } from './lifetime.ts';
import { countSending, maxOtherPending } from './limits.ts';
import { requireNoObstacle } from './obstacles.ts';
import { requireCanGrantOwnership } from './rules.ts';
import type { NewInvite } from './schemas.ts';
import type { InviteRow } from './store.ts';
import { toInviteView } from './view.ts';

/**
 * Creates an invite and enqueues its mail. Does not lock the account, so that concurrent requests
 * do not wait for each other. A unique index decides between two invites for one address, and
 * accepting checks the inviter's permissions again.
 * @throws permission-missing, not-found, user-disabled, cannot-grant, account-has-owner,
 * invite-already-pending (with the id of the pending invite), already-member, opted-out,
 * address-undeliverable, too-many-pending-invites, too-many-requests, invalid-request, unavailable.
 */
export async function createInvite(service: Service, caller: Caller, accountId: AccountId, body: NewInvite) {
  const { db } = service;
  const email = requireCanonicalEmail(body.email, '/email');
  const access = toAccess(body.access);
  const context = await enterAccount(db, caller, accountId);
  requirePermission(context, 'invites:manage');
  requireActiveUser(context);
  requireCanGrantOwnership(context, { ownership: body.ownership ?? false });
  if (body.ownership && !isUnlimited(access)) {
    throw invalidField('/access', 'must be all permissions without an end if `ownership` is true');
  }
  requireGrantable(context, await resolveRequestedAccess(db, accountId, access, caller));
  const row = newInviteRow(context, email, access, body);
  const messages = newInviteMessages(context.account, context.now, row.expiresAt);
  return countSending(service, { accountId, userId: context.userId, email }, caller.now, async () => {
    const created = await insertInvite(db, row, messages, maxOtherPending(service));
    return toNewInviteView(context, created ?? (await insertAfterExpired(service, caller, row, messages)));
  });
}

/**
 * Invites the future owner of an account that the platform created in the same transaction. No
 * obstacle is possible: a new account has no other members, invites or opt-outs.
 */
export async function inviteOwner(
  tx: Tx,
  context: AccountContext,
  email: string,
  mailOptions: Pick<NewInvite, 'message' | 'locale'>,
) {
  const body = { email, access: { allPermissions: true } as const, ownership: true, ...mailOptions };
  const row = newInviteRow(context, email, toAccess(body.access), body);
  const created = await insertInvite(tx, row, newInviteMessages(context.account, context.now, row.expiresAt), null);
  if (!created) throw new Problem('unavailable');
  return toNewInviteView(context, created);
}

const toNewInviteView = ({ userId, name, now }: AccountContext, invite: InviteRow) =>
  toInviteView({ invite, inviter: { id: userId, name }, sendingStopped: false }, now);

/** Whether it is all permissions, without an end. */
const isUnlimited = ({ allPermissions, endsAt }: Access) => allPermissions && endsAt === null;

function newInviteRow(context: AccountContext, email: string, access: Access, body: NewInvite): NewInviteRow {
  const lifetimeDays = body.expiresInDays ?? context.account.inviteLifetimeDays;
  return {
    accountId: context.account.id,
    id: newId('inv'),
    email,
    ...access,
    ownership: body.ownership ?? false,
    message: body.message ?? null,
    locale: body.locale ?? null,
    invitedBy: context.userId,
    invitedByKey: context.keyId,
    createdAt: context.now,
    lifetimeDays,
    expiresAt: inviteExpiryFrom(context.now, lifetimeDays, access.endsAt),
  };
}

/** An obstacle may disappear after the insert failed and before it is looked up. */
const maxAttempts = 3;

/**
 * Inserts an invite again, after marking an expired invite for its address.
 * @throws the problem of any other obstacle; unavailable if none is found.
 */
function insertAfterExpired(
  service: Service,
  caller: Caller,
  row: NewInviteRow,
  messages: InviteMessages,
): Promise<InviteRow> {
  const { accountId, email } = row;
  const work = async (tx: Tx) => {
    await lockMembership(tx, accountId, row.invitedBy);
    if (caller.apiKey) await lockCallingKey(tx, caller.apiKey);
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      await markExpired(tx, accountId, email, caller.now);
      const created = await insertInvite(tx, row, messages, maxOtherPending(service));
      if (created) return created;
      // A caller who was removed meanwhile gets not-found, like any non-member.
      await enterAccount(tx, caller, accountId);
      await requireNoObstacle(service, tx, row, caller.now);
    }
    throw new Problem('unavailable', 'Other requests are changing invites for this address. Try again.');
  };
  return inLockQueue(service.db, `${accountId} ${email}`, () => transaction(service.db, work), queueClientFor(caller));
}
