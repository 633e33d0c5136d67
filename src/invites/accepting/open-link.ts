import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { findOffer } from '../invitee-store.ts';
import { requireNewestLink, requirePending } from '../rules.ts';
import type { InviteRow } from '../store.ts';
import { type InviteClaims, verifyInviteToken } from '../token.ts';

/** A link that verified: what it names, and whether its own time is over. */
export type OpenedLink = InviteClaims & { isExpired: boolean };

/** @throws invite-token-invalid for whatever does not verify, and too-many-requests for one invite. */
export async function requireLink(service: Service, token: string, now: Date): Promise<OpenedLink> {
  const link = await verifyInviteToken(service, token, now);
  if (!link) throw new Problem('invite-token-invalid');
  await service.limiter.requireWithin([{ limit: 'accept.invite', of: link.inviteId }], now);
  return link;
}

/** The one judgement of a link, the same for preview, accept and decline. @throws the problem that names why it is dead. */
export function requireLive(invite: InviteRow, link: OpenedLink | undefined, now: Date): void {
  requirePending(invite, now);
  if (!link) return;
  requireNewestLink(invite, link);
  if (link.isExpired) throw new Problem('invite-expired');
}

/** A link names an invite that was: only a database that was put back could have forgotten it. @throws invite-token-invalid. */
export async function requireOffer({ db }: Service, { accountId, inviteId }: InviteClaims, now: Date) {
  const offer = await findOffer(db, accountId, inviteId, now);
  if (!offer) throw new Problem('invite-token-invalid');
  return offer;
}
