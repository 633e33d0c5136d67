import { pickAccess } from '../../permissions/access.ts';
import type { Service } from '../../service.ts';
import { describeAccess } from '../describe-access.ts';
import { requireInviteDetails, requireLink, requireLive } from './open-link.ts';

/**
 * Returns what an invite offers, by its link. Changes nothing, so mail scanners that open the link
 * do no harm.
 * @throws invite-token-invalid, the problems of `requireLive`, too-many-requests.
 */
export async function previewInvite(service: Service, { token }: { token: string }, now: Date) {
  const link = await requireLink(service, token, now);
  const { invite, inviter, account, hasLogin } = await requireInviteDetails(service, link, now);
  requireLive(invite, link, now);
  const { email, ownership, message, expiresAt } = invite;
  const description = await describeAccess(service.db, invite, [invite.locale, account.locale]);
  const access = pickAccess(invite);
  return { account, invitedBy: inviter, email, access, ownership, ...description, message, expiresAt, hasLogin };
}
