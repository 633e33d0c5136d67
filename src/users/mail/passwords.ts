import type { MessageWriter } from '../../mail/outbox/message-writer.ts';
import type { Service } from '../../service.ts';
import { listIdentities } from '../identities/store.ts';
import { signResetToken } from '../link-tokens.ts';
import { findPasswordReset } from '../passwords/store.ts';
import { findUser, findUserByEmail } from '../store.ts';
import { listIssuers } from './identities.ts';

type Writer = Pick<Service, 'config' | 'signingKeys' | 'db'>;

/**
 * The mail for a password reset: a link to choose a new password. An address without a login gets
 * no mail. A user who logs in only at an identity provider gets a notice that says so: access to a
 * mailbox must not add a password to such a login.
 */
export function passwordResetMessage(service: Writer): MessageWriter {
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

/** The notice to a user that their password was changed, in case it was not them. */
export function passwordChangedMessage({ config, db }: Writer): MessageWriter {
  return {
    async write({ userId }) {
      const user = userId === null ? undefined : await findUser(db, userId);
      if (!user) return undefined;
      const values = { address: user.email, items: await listIssuers(db, user.id) };
      return { to: user.email, ...config.mails.write('password-changed', [user.locale], values) };
    },
  };
}
