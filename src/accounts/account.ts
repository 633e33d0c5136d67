import type { Db } from '../database/database.ts';
import { accessIn, hasPermission } from '../permissions/access.ts';
import { effectiveAccess } from '../permissions/sources.ts';
import type { Acting } from './enter.ts';
import { type AccountRow, findOwnershipTransfer, type listAccountsOf } from './store.ts';

type OwnAccountRow = Awaited<ReturnType<typeof listAccountsOf>>[number];

/** An account as its members see it. */
export function accountOf(account: AccountRow, transfer: Awaited<ReturnType<typeof findOwnershipTransfer>>) {
  const { id, name, ownerId, inviteLifetimeDays, acceptFromAnyAddress, locale, remindDaysBefore, createdAt } = account;
  const settings = { inviteLifetimeDays, acceptFromAnyAddress, locale, remindDaysBefore };
  return { id, name, ownerId, settings, ownershipTransfer: transfer ?? null, createdAt };
}

/** The same, with the offer of ownership that stands, for those whom it concerns or who may see members. */
export async function showAccount(db: Db, acting: Acting) {
  const transfer = await findOwnershipTransfer(db, acting.account.id);
  const maySee = hasPermission(acting, 'members:read') || transfer?.user.id === acting.userId;
  return accountOf(acting.account, maySee ? transfer : undefined);
}

/** An account in the list of those that someone is in, with what they may do there. */
export function myAccountOf({ account, membership, sources, catalogue }: OwnAccountRow) {
  const isOwner = account.ownerId === membership.userId;
  const effective = effectiveAccess({ ...membership, sources, isOwner });
  return {
    id: account.id,
    name: account.name,
    membershipId: membership.id,
    isOwner,
    access: accessIn(membership),
    effectivePermissions: catalogue.filter((key) => hasPermission(effective, key)),
    since: membership.createdAt,
  };
}
