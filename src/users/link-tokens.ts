import type { EmailChangeId, PasswordResetId, RegistrationId } from '../ids/ids.ts';
import type { Service } from '../service.ts';
import { signLinkToken, verifyLinkTo } from '../tokens/link-token.ts';

type Signer = Pick<Service, 'signingKeys'> & { config: { issuer: string } };
type Expiring<I> = { id: I; expiresAt: Date };

const toTokenOptions = ({ signingKeys, config }: Signer) => ({ keys: signingKeys, issuer: config.issuer });

/** Signs the token of a verification link. It contains the id of the registration only. */
export const signVerificationToken = (service: Signer, { id, expiresAt }: Expiring<RegistrationId>, now: Date) =>
  signLinkToken(toTokenOptions(service), 'verify-email', { reg: id }, { now, expiresAt });

/** @returns the registration id; undefined if the token does not verify or has expired. */
export const verifyVerificationToken = (service: Signer, token: string, now: Date) =>
  verifyLinkTo(toTokenOptions(service), 'verify-email', ['reg', 'reg'], token, now);

/** Signs the token of a password reset link. It contains the id of the reset only. */
export const signResetToken = (service: Signer, { id, expiresAt }: Expiring<PasswordResetId>, now: Date) =>
  signLinkToken(toTokenOptions(service), 'password-reset', { rst: id }, { now, expiresAt });

/** @returns the reset id; undefined if the token does not verify or has expired. */
export const verifyResetToken = (service: Signer, token: string, now: Date) =>
  verifyLinkTo(toTokenOptions(service), 'password-reset', ['rst', 'rst'], token, now);

/** Signs the token of an address change link. It contains the id of the change only. */
export const signEmailChangeToken = (service: Signer, { id, expiresAt }: Expiring<EmailChangeId>, now: Date) =>
  signLinkToken(toTokenOptions(service), 'email-change', { emc: id }, { now, expiresAt });

/** @returns the address change id; undefined if the token does not verify or has expired. */
export const verifyEmailChangeToken = (service: Signer, token: string, now: Date) =>
  verifyLinkTo(toTokenOptions(service), 'email-change', ['emc', 'emc'], token, now);
