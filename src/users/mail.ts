import type { UserId } from '../ids.ts';
import type { Letter } from '../outbox/letter.ts';
import type { Service } from '../service.ts';
import { findEmailChange, postponeEmailChange } from './email-change-store.ts';
import { listIdentities } from './identities/store.ts';
import { signEmailChangeToken, signResetToken, signVerificationToken } from './link-tokens.ts';
import { findPasswordReset } from './passwords/store.ts';
import { findRegistration, findUser, findUserByEmail } from './store.ts';

type Writer = Pick<Service, 'config' | 'keys' | 'db'>;

/**
 * To an address that was registered: a link to verify it, or a notice that it has a login already.
 * Anyone can have this mail sent to anyone, so it contains no text that the sender chose.
 */
export function registrationLetter(service: Writer): Letter {
  const { config, db } = service;
  return {
    async write({ registrationId }, now) {
      const registration = registrationId === null ? undefined : await findRegistration(db, registrationId, now);
      if (!registration) return undefined;
      const { email: address, locale, expiresAt } = registration;
      const user = await findUserByEmail(db, address);
      if (user) return { to: address, ...config.mails.write('login-exists', [user.locale], { address }) };
      const link = config.verifyUrl.replace('{token}', await signVerificationToken(service, registration, now));
      const values = { address, link, until: expiresAt };
      return { to: address, ...config.mails.write('verify-email', [locale], values) };
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
      const { email: address, locale } = user;
      if (user.passwordHash === null && (await listIdentities(db, user.id)).length > 0) {
        return { to: address, ...config.mails.write('no-password', [locale], { address }) };
      }
      const link = config.resetUrl.replace('{token}', await signResetToken(service, reset, now));
      const values = { address, link, until: reset.expiresAt };
      return { to: address, ...config.mails.write('password-reset', [locale], values) };
    },
  };
}

/** To someone whose password was changed, so that they notice where it was not them. */
export function passwordChangedLetter({ config, db }: Writer): Letter {
  return {
    async write({ userId }) {
      const user = userId === null ? undefined : await findUser(db, userId);
      if (!user) return undefined;
      const values = { address: user.email, items: await issuersOf(db, user.id) };
      return { to: user.email, ...config.mails.write('password-changed', [user.locale], values) };
    },
  };
}

/** To someone whose login was linked with one at an identity provider, so that they notice where it was not them. */
export function identityLinkedLetter({ config, db }: Writer): Letter {
  return {
    async write({ userId }) {
      const user = userId === null ? undefined : await findUser(db, userId);
      const items = user ? await issuersOf(db, user.id) : [];
      if (!user || items.length === 0) return undefined;
      const values = { address: user.email, items };
      return { to: user.email, ...config.mails.write('identity-linked', [user.locale], values) };
    },
  };
}

const issuersOf = async (db: Service['db'], userId: UserId) => [
  ...new Set((await listIdentities(db, userId)).map((it) => it.issuer)),
];

/**
 * To the new address of a requested change: a link to confirm it, or a notice that it has a login
 * already. It names the old address although the sender chose it: that address is verified, it
 * names the user who is accountable for the mail, and without it the recipient cannot tell whose
 * login would get their address.
 */
export function emailChangeLetter(service: Writer): Letter {
  const { config, db } = service;
  return {
    async write({ emailChangeId }, now) {
      const change = emailChangeId === null ? undefined : await findEmailChange(db, emailChangeId);
      if (!change || change.confirmedAt || change.expiresAt <= now) return undefined;
      const { email: address, oldEmail, expiresAt, userId: sender } = change;
      const taken = await findUserByEmail(db, address);
      if (taken) return { to: address, ...config.mails.write('login-exists', [taken.locale], { address }), sender };
      const user = await findUser(db, change.userId);
      const link = config.emailChangeUrl.replace('{token}', await signEmailChangeToken(service, change, now));
      const values = { address, oldEmail, link, until: expiresAt };
      return { to: address, ...config.mails.write('email-change', [user?.locale], values), sender };
    },
    async delayed(tx, { emailChangeId }, { dueAt }) {
      if (emailChangeId !== null) await postponeEmailChange(tx, emailChangeId, dueAt);
    },
  };
}

/** To the old address, once another counts in its place. */
export function emailChangedLetter({ config, db }: Writer): Letter {
  return {
    async write({ emailChangeId }) {
      const change = emailChangeId === null ? undefined : await findEmailChange(db, emailChangeId);
      if (!change?.confirmedAt) return undefined;
      const { oldEmail: address, email: newEmail } = change;
      const user = await findUser(db, change.userId);
      const values = { address, newEmail: masked(newEmail) };
      return { to: address, ...config.mails.write('email-changed', [user?.locale], values) };
    },
  };
}

/** An address that its owner knows again and nobody else learns: `o…@example.com`. */
const masked = (email: string) => email.replace(/^(.)[^@]*/, '$1…');
