import type { Caller } from '../credentials/caller.ts';
import type { AccountId, InviteId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { deleteUndeliverable } from './deliveries/store.ts';
import { manageInvite } from './manage.ts';

/**
 * Takes an inviter at their word that an address is right though a mail to it did not arrive: it can be sent to again.
 * Nothing is sent by this, and doing it again changes nothing.
 * @throws permission-missing, not-found.
 */
export async function confirmInviteAddress(service: Service, caller: Caller, accountId: AccountId, inviteId: InviteId) {
  return manageInvite(service, caller, accountId, inviteId, (tx, _, invite) =>
    deleteUndeliverable(tx, accountId, invite.email),
  );
}
