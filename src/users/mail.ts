import type { UserId } from '../ids.ts';
import { oneLine, timeInWords, writeMail } from '../mail/write.ts';
import type { Letter } from '../outbox/letter.ts';
import type { Service } from '../service.ts';
import { listIdentities } from './identities/store.ts';
import { signEmailChangeToken, signResetToken, signVerificationToken } from './link-tokens.ts';
import { findPasswordReset } from './passwords/store.ts';
import { findEmailChange, findRegistration, findUser, findUserByEmail } from './store.ts';

type Writer = Pick<Service, 'config' | 'keys' | 'db'>;

/** To someone who registered: a link to verify the address, or word that it has a login already. */
export function registrationLetter(service: Writer): Letter {
  const { config, db } = service;
  return {
    async write({ registrationId }, now) {
      const registration = registrationId === null ? undefined : await findRegistration(db, registrationId, now);
      if (!registration) return undefined;
      const { email: address, name, expiresAt } = registration;
      if (await findUserByEmail(db, address)) {
        return { to: address, ...(await writeMail('login-exists', { address })) };
      }
      const link = config.verifyUrl.replace('{token}', await signVerificationToken(service, registration, now));
      const words = { address, name: oneLine(name), link, until: timeInWords(expiresAt) };
      return { to: address, ...(await writeMail('verify-email', words)) };
    },
  };
}

/**
 * To someone who asked for a new password: a link to choose it. An address without a login gets no mail, and whoever logs in
 * at an identity provider alone is told so: reading a mailbox adds no password to such a login.
 */
export function passwordResetLetter(service: Writer): Letter {
  const { config, db } = service;
  return {
    async write({ passwordResetId }, now) {
      const reset = passwordResetId === null ? undefined : await findPasswordReset(db, passwordResetId, now);
      const user = reset && (await findUserByEmail(db, reset.email));
      if (!user || user.disabledAt) return undefined;
      const address = user.email;
      if (user.passwordHash === null && (await listIdentities(db, user.id)).length > 0) {
        return { to: address, ...(await writeMail('no-password', { address })) };
      }
      const link = config.resetUrl.replace('{token}', await signResetToken(service, reset, now));
      return {
        to: address,
        ...(await writeMail('password-reset', { address, link, until: timeInWords(reset.expiresAt) })),
      };
    },
  };
}

/** To someone whose password was changed, so that they notice where it was not them. */
export function passwordChangedLetter({ db }: Writer): Letter {
  return {
    async write({ userId }) {
      const user = userId === null ? undefined : await findUser(db, userId);
      if (!user) return undefined;
      const words = { address: user.email, issuers: await issuersOf(db, user.id) };
      return { to: user.email, ...(await writeMail('password-changed', words)) };
    },
  };
}

/** To someone whose login was linked with one at an identity provider, so that they notice where it was not them. */
export function identityLinkedLetter({ db }: Writer): Letter {
  return {
    async write({ userId }) {
      const user = userId === null ? undefined : await findUser(db, userId);
      const issuers = user ? await issuersOf(db, user.id) : [];
      if (!user || issuers.length === 0) return undefined;
      return { to: user.email, ...(await writeMail('identity-linked', { address: user.email, issuers })) };
    },
  };
}

const issuersOf = async (db: Service['db'], userId: UserId) => [
  ...new Set((await listIdentities(db, userId)).map((it) => it.issuer)),
];

/** To the new address that someone asked for: a link to confirm it, or word that it has a login already. */
export function emailChangeLetter(service: Writer): Letter {
  const { config, db } = service;
  return {
    async write({ emailChangeId }, now) {
      const change = emailChangeId === null ? undefined : await findEmailChange(db, emailChangeId);
      if (!change || change.confirmedAt || change.expiresAt <= now) return undefined;
      const { email: address, oldEmail, expiresAt } = change;
      if (await findUserByEmail(db, address)) {
        return { to: address, ...(await writeMail('login-exists', { address })) };
      }
      const link = config.emailChangeUrl.replace('{token}', await signEmailChangeToken(service, change, now));
      return {
        to: address,
        ...(await writeMail('email-change', { address, oldEmail, link, until: timeInWords(expiresAt) })),
      };
    },
  };
}

/** To the old address, once another counts in its place. */
export function emailChangedLetter({ db }: Writer): Letter {
  return {
    async write({ emailChangeId }) {
      const change = emailChangeId === null ? undefined : await findEmailChange(db, emailChangeId);
      if (!change?.confirmedAt) return undefined;
      const { oldEmail: address, email: newEmail } = change;
      return { to: address, ...(await writeMail('email-changed', { address, newEmail: masked(newEmail) })) };
    },
  };
}

/** An address that its owner knows again and nobody else learns: `o…@example.com`. */
const masked = (email: string) => email.replace(/^(.)[^@]*/, '$1…');
