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

/** Milliseconds. Whoever finds an old invite in their mailbox can still ask for no more of them. */
const optOutLifetime = 2 * 365 * 24 * 3_600_000;

/** Signs the token of the link by which someone asks not to be invited again. It names the invite that it came with. */
export function signOptOutToken(
  { keys, config }: Keys,
  { accountId, inviteId }: Pick<InviteClaims, 'accountId' | 'inviteId'>,
  now: Date,
): Promise<string> {
  const expiresAt = new Date(now.getTime() + optOutLifetime);
  return signLinkToken(
    { keys, issuer: config.issuer },
    'opt-out',
    { acc: accountId, inv: inviteId },
    { now, expiresAt },
  );
}

/** What such a token names; undefined where it does not verify. */
export async function verifyOptOutToken(
  { keys, config }: Keys,
  token: string,
  now: Date,
): Promise<Pick<InviteClaims, 'accountId' | 'inviteId'> | undefined> {
  const verified = await verifyLinkToken({ keys, issuer: config.issuer }, 'opt-out', token, now);
  const { acc, inv } = verified?.claims ?? {};
  if (!verified || verified.isExpired || typeof acc !== 'string' || typeof inv !== 'string') return undefined;
  if (!accountIds.test(acc) || !inviteIds.test(inv)) return undefined;
  return { accountId: acc as AccountId, inviteId: inv as InviteId };
}
