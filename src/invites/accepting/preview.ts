import { pickAccess } from '../../permissions/access.ts';
import type { Service } from '../../service.ts';
import { describeOffer } from '../offer.ts';
import { requireLink, requireLive, requireOffer } from './open-link.ts';

/**
 * What a link offers. Reads, and changes nothing: a mail scanner that follows it uses nothing up.
 * @throws invite-token-invalid, and the problems that name why the link is dead.
 */
export async function previewInvite(service: Service, { token }: { token: string }, now: Date) {
  const link = await requireLink(service, token, now);
  const offer = await requireOffer(service, link, now);
  requireLive(offer.invite, link, now);
  const { invite, inviter, account, hasLogin } = offer;
  const { email, ownership, message, expiresAt } = invite;
  const offered = await describeOffer(service.db, invite, [invite.locale, account.locale]);
  const access = pickAccess(invite);
  return { account, invitedBy: inviter, email, access, ownership, ...offered, message, expiresAt, hasLogin };
}
