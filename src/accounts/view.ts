import type { Db } from '../database/database.ts';
import { hasPermission, pickAccess } from '../permissions/access.ts';
import { effectiveAccess } from '../permissions/effective-access.ts';
import type { AccountContext } from './enter.ts';
import { type AccountRow, findOwnershipTransfer, type listAccountsOfUser } from './store.ts';

type OpenTransfer = Pick<NonNullable<Awaited<ReturnType<typeof findOwnershipTransfer>>>, 'user' | 'offeredAt'>;
type OwnAccountRow = Awaited<ReturnType<typeof listAccountsOfUser>>[number];

/** An account as the API shows it to members. */
export function toAccountView(account: AccountRow, transfer: OpenTransfer | undefined) {
  const { id, name, ownerId, inviteLifetimeDays, acceptFromAnyAddress, locale, remindDaysBefore, createdAt } = account;
  const settings = { inviteLifetimeDays, acceptFromAnyAddress, locale, remindDaysBefore };
  return { id, name, ownerId, settings, ownershipTransfer: transfer ?? null, createdAt };
}

/**
 * The account of a caller, as the API shows it. The active ownership offer is included for the
 * member it was made to and for callers with `members:read`.
 */
export async function showAccount(db: Db, context: AccountContext) {
  const offer = await findOwnershipTransfer(db, context.account.id, context.now);
  const maySeeOffer = hasPermission(context, 'members:read') || (context.isPerson && offer?.user.id === context.userId);
  const transfer = offer?.isActive && maySeeOffer ? { user: offer.user, offeredAt: offer.offeredAt } : undefined;
  return toAccountView(context.account, transfer);
}

/** An account in the list of a user's accounts, with what the user may do there. */
export function toMyAccountView({ account, membership, sources, catalogue }: OwnAccountRow) {
  const isOwner = account.ownerId === membership.userId;
  const effective = effectiveAccess({ ...membership, sources, isOwner });
  return {
    id: account.id,
    name: account.name,
    membershipId: membership.id,
    isOwner,
    access: pickAccess(membership),
    effectivePermissions: catalogue.filter((key) => hasPermission(effective, key)),
    since: membership.createdAt,
  };
}
