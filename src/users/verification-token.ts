import { idPattern, type RegistrationId } from '../ids.ts';
import type { Service } from '../service.ts';
import { signLinkToken, verifyLinkToken } from '../tokens/link-token.ts';
import type { RegistrationRow } from './store.ts';

type Keys = { keys: Service['keys']; config: { issuer: string } };

/** The token of the link that verifies an address. It names a registration, and nothing else. */
export function signVerificationToken({ keys, config }: Keys, { id, expiresAt }: RegistrationRow, now: Date) {
  return signLinkToken({ keys, issuer: config.issuer }, 'verify-email', { reg: id }, { now, expiresAt });
}

/** The registration that a token names; undefined where the token does not verify or its time is over. */
export async function verifyVerificationToken({ keys, config }: Keys, token: string, now: Date) {
  const verified = await verifyLinkToken({ keys, issuer: config.issuer }, 'verify-email', token, now);
  const id = verified?.claims.reg;
  if (!verified || verified.isExpired || typeof id !== 'string') return undefined;
  return new RegExp(idPattern('reg')).test(id) ? (id as RegistrationId) : undefined;
}
