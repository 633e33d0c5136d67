import type { Caller } from '../credentials/caller.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { manageInvite } from './manage.ts';
import { requireUndecided } from './rules.ts';
import { updateInvite } from './store.ts';

/**
 * Revokes a pending or expired invite, even one that grants more than the caller may grant
 * (docs/decisions/revoke-any-invite.md).
 * @throws permission-missing, not-found, and `invite-…` with the status of an invite that was
 * accepted, declined or revoked.
 */
export async function revokeInvite(service: Service, caller: Caller, accountId: AccountId, inviteId: InviteId) {
  return manageInvite(service, caller, accountId, inviteId, (tx, _, invite) => {
    requireUndecided(invite);
    return updateInvite(tx, invite, { status: 'revoked', decidedAt: caller.now });
  });
}
