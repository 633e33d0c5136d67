import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { findInviteDetails } from '../invitee-store.ts';
import { requireNewestLink, requirePending } from '../rules.ts';
import type { InviteRow } from '../store.ts';
import { type InviteClaims, verifyInviteToken } from '../token.ts';

/** The claims of a verified link, and whether its token has expired. */
export type OpenedLink = InviteClaims & { isExpired: boolean };

/**
 * Verifies the token of a link and counts the request against the limit of its invite.
 * @throws invite-token-invalid, too-many-requests.
 */
export async function requireLink(service: Service, token: string, now: Date): Promise<OpenedLink> {
  const link = await verifyInviteToken(service, token, now);
  if (!link) throw new Problem('invite-token-invalid');
  await service.limiter.requireWithin([{ limit: 'accept.invite', of: link.inviteId }], now);
  return link;
}

/**
 * Checks that an invite, and the link to it if there is one, can be used. Preview, accept and
 * decline share it.
 * @throws `invite-…` with the status of an invite that is not pending, invite-link-replaced,
 * invite-expired.
 */
export function requireLive(invite: InviteRow, link: OpenedLink | undefined, now: Date): void {
  requirePending(invite, now);
  if (!link) return;
  requireNewestLink(invite, link);
  if (link.isExpired) throw new Problem('invite-expired');
}

/**
 * Reads the invite of a verified link. It can only be missing if the database was restored.
 * @throws invite-token-invalid.
 */
export async function requireInviteDetails({ db }: Service, { accountId, inviteId }: InviteClaims, now: Date) {
  const details = await findInviteDetails(db, accountId, inviteId, now);
  if (!details) throw new Problem('invite-token-invalid');
  return details;
}
