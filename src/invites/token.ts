import { type AccountId, type InviteId, idPattern } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { signLinkToken, verifyLinkToken } from '../tokens/link-token.ts';

/** What the token of an Accept Invite link names, and all that it names. */
export interface InviteClaims {
  accountId: AccountId;
  inviteId: InviteId;
  /** Which sending of the invite, counted from 1. */
  sending: number;
}

type Signer = Pick<Service, 'signingKeys'> & { config: { issuer: string } };

/** Signs the token of a link. Called when the mail is written, and kept nowhere. */
export function signInviteToken(
  { signingKeys, config }: Signer,
  { accountId, inviteId, sending }: InviteClaims,
  times: { now: Date; expiresAt: Date },
): Promise<string> {
  const claims = { acc: accountId, inv: inviteId, snd: sending };
  return signLinkToken({ keys: signingKeys, issuer: config.issuer }, 'invite', claims, times);
}

const accountIds = new RegExp(idPattern('acc'));
const inviteIds = new RegExp(idPattern('inv'));

/**
 * What a token names; undefined where it does not verify. One that verifies but for its time is answered with `isExpired`: it
 * proves what it names, and grants nothing any more.
 */
export async function verifyInviteToken(
  { signingKeys, config }: Signer,
  token: string,
  now: Date,
): Promise<(InviteClaims & { isExpired: boolean }) | undefined> {
  const verified = await verifyLinkToken({ keys: signingKeys, issuer: config.issuer }, 'invite', token, now);
  const { acc, inv, snd } = verified?.claims ?? {};
  if (!verified || typeof acc !== 'string' || typeof inv !== 'string' || !Number.isInteger(snd)) return undefined;
  if (!accountIds.test(acc) || !inviteIds.test(inv)) return undefined;
  const named = { accountId: acc as AccountId, inviteId: inv as InviteId, sending: snd as number };
  return { ...named, isExpired: verified.isExpired };
}

/** Milliseconds. Whoever finds an old invite in their mailbox can still ask for no more of them, and report it. */
const refusalLifetime = 2 * 365 * 24 * 3_600_000;

/** What the tokens against an invite name: the invite that they came with, and nothing else. */
export type RefusalClaims = Pick<InviteClaims, 'accountId' | 'inviteId'>;

/** Signs the token of the link by which someone asks not to be invited again. */
export const signOptOutToken = (signer: Signer, claims: RefusalClaims, now: Date) =>
  signRefusal(signer, 'opt-out', claims, now);

/** Signs the token of the link by which someone reports an invite. */
export const signReportToken = (signer: Signer, claims: RefusalClaims, now: Date) =>
  signRefusal(signer, 'report', claims, now);

/** What such a token names; undefined where it does not verify. */
export const verifyOptOutToken = (signer: Signer, token: string, now: Date) =>
  verifyRefusal(signer, 'opt-out', token, now);

/** The same for the token of a report. */
export const verifyReportToken = (signer: Signer, token: string, now: Date) =>
  verifyRefusal(signer, 'report', token, now);

function signRefusal(
  { signingKeys, config }: Signer,
  kind: 'opt-out' | 'report',
  { accountId, inviteId }: RefusalClaims,
  now: Date,
): Promise<string> {
  const times = { now, expiresAt: new Date(now.getTime() + refusalLifetime) };
  return signLinkToken({ keys: signingKeys, issuer: config.issuer }, kind, { acc: accountId, inv: inviteId }, times);
}

async function verifyRefusal(
  { signingKeys, config }: Signer,
  kind: 'opt-out' | 'report',
  token: string,
  now: Date,
): Promise<RefusalClaims | undefined> {
  const verified = await verifyLinkToken({ keys: signingKeys, issuer: config.issuer }, kind, token, now);
  const { acc, inv } = verified?.claims ?? {};
  if (!verified || verified.isExpired || typeof acc !== 'string' || typeof inv !== 'string') return undefined;
  if (!accountIds.test(acc) || !inviteIds.test(inv)) return undefined;
  return { accountId: acc as AccountId, inviteId: inv as InviteId };
}
