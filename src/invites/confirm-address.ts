import type { Caller } from '../credentials/caller.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { deleteUndeliverable } from './deliveries/store.ts';
import { manageInvite } from './manage.ts';

/**
 * Lets an account send to an invite's address again after a mail to it bounced, was dropped or was
 * reported as spam. Sends nothing. Idempotent.
 * @throws permission-missing, not-found.
 */
export async function confirmInviteAddress(service: Service, caller: Caller, accountId: AccountId, inviteId: InviteId) {
  return manageInvite(service, caller, accountId, inviteId, (tx, _, invite) =>
    deleteUndeliverable(tx, accountId, invite.email),
  );
}
