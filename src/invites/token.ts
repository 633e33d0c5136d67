import { type AccountId, type InviteId, idPattern } from '../ids.ts';
import type { Service } from '../service.ts';
import { signLinkToken, verifyLinkToken } from '../tokens/link-token.ts';

/** What the token of an Accept Invite link names, and all that it names. */
export interface InviteClaims {
  accountId: AccountId;
  inviteId: InviteId;
  /** Which sending of the invite, counted from 1. */
  sending: number;
}

type Keys = { keys: Service['keys']; config: { issuer: string } };

/** Signs the token of a link. Called when the mail is written, and kept nowhere. */
export function signInviteToken(
  { keys, config }: Keys,
  { accountId, inviteId, sending }: InviteClaims,
  times: { now: Date; expiresAt: Date },
): Promise<string> {
  const claims = { acc: accountId, inv: inviteId, snd: sending };
  return signLinkToken({ keys, issuer: config.issuer }, 'invite', claims, times);
}

const accountIds = new RegExp(idPattern('acc'));
const inviteIds = new RegExp(idPattern('inv'));

/**
 * What a token names; undefined where it does not verify. One that verifies but for its time is answered with `isExpired`: it
 * proves what it names, and grants nothing any more.
 */
export async function verifyInviteToken(
  { keys, config }: Keys,
  token: string,
  now: Date,
): Promise<(InviteClaims & { isExpired: boolean }) | undefined> {
  const verified = await verifyLinkToken({ keys, issuer: config.issuer }, 'invite', token, now);
  const { acc, inv, snd } = verified?.claims ?? {};
  if (!verified || typeof acc !== 'string' || typeof inv !== 'string' || !Number.isInteger(snd)) return undefined;
  if (!accountIds.test(acc) || !inviteIds.test(inv)) return undefined;
  const named = { accountId: acc as AccountId, inviteId: inv as InviteId, sending: snd as number };
  return { ...named, isExpired: verified.isExpired };
}
