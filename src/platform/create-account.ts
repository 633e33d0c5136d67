import { changeAsPlatform } from '../accounts/change-as-platform.ts';
import { newAccountRow } from '../accounts/create.ts';
import { requirePlatform } from '../accounts/platform.ts';
import { insertAccountWithOwner } from '../accounts/store.ts';
import { toAccountView } from '../accounts/view.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Tx } from '../database/database.ts';
import { newId, platformUserId } from '../ids/ids.ts';
import { inviteOwner } from '../invites/create.ts';
import { countSending } from '../invites/limits.ts';
import type { Service } from '../service.ts';
import { requireCanonicalEmail } from '../text/email-address.ts';
import type { NewPlatformAccount } from './schemas.ts';
import { upsertPlatformUser } from './store.ts';

/**
 * Creates an account and invites its owner. Until the invite is accepted, the platform owns the
 * account, so that it always has exactly one owner and others can already be invited.
 * @returns the account and the invite.
 * @throws platform-key-required, permission-missing, invalid-request, too-many-requests.
 */
export async function createAccountFor(service: Service, caller: Caller, { name, locale, owner }: NewPlatformAccount) {
  const { db, config } = service;
  const email = requireCanonicalEmail(owner.email, '/owner/email');
  await requirePlatform(db, caller, 'accounts:create');
  const row = newAccountRow({ name, ...(locale !== undefined && { locale }) }, platformUserId, caller.now);
  const platformName = config.mail.from.name || 'The platform';
  const context = {
    ...{ account: row, userId: platformUserId, name: platformName, isOwner: false, isPerson: false, now: caller.now },
    ...{ keyId: caller.apiKey?.id ?? null, isUserActive: true },
    ...{ allPermissions: true, endsAt: null, grantedPermissions: [] },
  };
  const platformUser = {
    row: platformUserId,
    lock: (tx: Tx) => upsertPlatformUser(tx, platformName, caller.now),
  };
  const create = async (tx: Tx) => {
    await insertAccountWithOwner(tx, row, newId('mem'));
    return inviteOwner(tx, context, email, owner.locale === undefined ? {} : { locale: owner.locale });
  };
  const sending = { accountId: row.id, userId: platformUserId, email };
  const invite = await countSending(service, sending, caller.now, () =>
    changeAsPlatform(db, caller, 'accounts:create', platformUser, create),
  );
  caller.logSecurityEvent('account_created', { accountId: row.id, inviteId: invite.id });
  return { account: toAccountView(row, undefined), invite };
}
