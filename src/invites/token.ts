import { type AccountId, type InviteId, idPattern } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { signLinkToken, verifyLinkToken } from '../tokens/link-token.ts';

/** The claims of an Accept Invite token: these ids and nothing else. */
export interface InviteClaims {
  accountId: AccountId;
  inviteId: InviteId;
  /** The number of the sending, from 1. */
  sending: number;
}

type Signer = Pick<Service, 'signingKeys'> & { config: { issuer: string } };

/** Signs an Accept Invite token. The caller puts it into the mail and stores it nowhere. */
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
 * The claims of a token; undefined if it does not verify. An expired token has `isExpired`: its
 * claims are authentic, but it grants nothing.
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
  const claims = { accountId: acc as AccountId, inviteId: inv as InviteId, sending: snd as number };
  return { ...claims, isExpired: verified.isExpired };
}

/** Milliseconds. An invitee can opt out or report an invite long after it has expired. */
const refusalLifetime = 2 * 365 * 24 * 3_600_000;

/** The claims of opt-out and report tokens: the invite they were mailed with, and nothing else. */
export type RefusalClaims = Pick<InviteClaims, 'accountId' | 'inviteId'>;

/** Signs the token of an opt-out link. */
export const signOptOutToken = (signer: Signer, claims: RefusalClaims, now: Date) =>
  signRefusal(signer, 'opt-out', claims, now);

/** Signs the token of a report link. */
export const signReportToken = (signer: Signer, claims: RefusalClaims, now: Date) =>
  signRefusal(signer, 'report', claims, now);

/** The claims of an opt-out token; undefined if it does not verify or has expired. */
export const verifyOptOutToken = (signer: Signer, token: string, now: Date) =>
  verifyRefusal(signer, 'opt-out', token, now);

/** The claims of a report token; undefined if it does not verify or has expired. */
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
