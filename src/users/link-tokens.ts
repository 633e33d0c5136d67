import type { EmailChangeId, PasswordResetId, RegistrationId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { signLinkToken, verifyLinkTo } from '../tokens/link-token.ts';

type Signer = Pick<Service, 'signingKeys'> & { config: { issuer: string } };
type Expiring<I> = { id: I; expiresAt: Date };

const tokensOf = ({ signingKeys, config }: Signer) => ({ keys: signingKeys, issuer: config.issuer });

/** The token of the link that verifies an address. It names a registration, and nothing else. */
export const signVerificationToken = (service: Signer, { id, expiresAt }: Expiring<RegistrationId>, now: Date) =>
  signLinkToken(tokensOf(service), 'verify-email', { reg: id }, { now, expiresAt });

/** The registration that a token names; undefined where the token does not verify or its time is over. */
export const verifyVerificationToken = (service: Signer, token: string, now: Date) =>
  verifyLinkTo(tokensOf(service), 'verify-email', ['reg', 'reg'], token, now);

/** The same for the link that chooses a new password. */
export const signResetToken = (service: Signer, { id, expiresAt }: Expiring<PasswordResetId>, now: Date) =>
  signLinkToken(tokensOf(service), 'password-reset', { rst: id }, { now, expiresAt });

export const verifyResetToken = (service: Signer, token: string, now: Date) =>
  verifyLinkTo(tokensOf(service), 'password-reset', ['rst', 'rst'], token, now);

/** The same for the link that confirms a changed address. */
export const signEmailChangeToken = (service: Signer, { id, expiresAt }: Expiring<EmailChangeId>, now: Date) =>
  signLinkToken(tokensOf(service), 'email-change', { emc: id }, { now, expiresAt });

export const verifyEmailChangeToken = (service: Signer, token: string, now: Date) =>
  verifyLinkTo(tokensOf(service), 'email-change', ['emc', 'emc'], token, now);
