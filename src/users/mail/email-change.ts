import type { MessageWriter } from '../../mail/outbox/message-writer.ts';
import type { Service } from '../../service.ts';
import { findEmailChange, postponeEmailChange } from '../email-change-store.ts';
import { signEmailChangeToken } from '../link-tokens.ts';
import { findUser, findUserByEmail } from '../store.ts';

type Writer = Pick<Service, 'config' | 'signingKeys' | 'db'>;

/**
 * The mail to the new address of a requested change: a link to confirm it, or a notice that it
 * already has a login. It contains the old address although the sender chose it: that address is
 * verified, identifies the user who caused the mail, and shows the recipient whose login would get
 * their address.
 */
export function emailChangeMessage(service: Writer): MessageWriter {
  const { config, db } = service;
  return {
    async write({ emailChangeId }, now) {
      const change = emailChangeId === null ? undefined : await findEmailChange(db, emailChangeId);
      if (!change || change.confirmedAt || change.expiresAt <= now) return undefined;
      const { email: address, oldEmail, expiresAt, userId: sender } = change;
      const existingUser = await findUserByEmail(db, address);
      if (existingUser)
        return { to: address, ...config.mails.write('login-exists', [existingUser.locale], { address }), sender };
      const user = await findUser(db, change.userId);
      const link = config.emailChangeUrl.replace('{token}', await signEmailChangeToken(service, change, now));
      const values = { address, oldEmail, link, until: expiresAt };
      return { to: address, ...config.mails.write('email-change', [user?.locale], values), sender };
    },
    async onDelayed(tx, { emailChangeId }, { dueAt }) {
      if (emailChangeId !== null) await postponeEmailChange(tx, emailChangeId, dueAt);
    },
  };
}

/** The notice to the old address that it was replaced. */
export function emailChangedMessage({ config, db }: Writer): MessageWriter {
  return {
    async write({ emailChangeId }) {
      const change = emailChangeId === null ? undefined : await findEmailChange(db, emailChangeId);
      if (!change?.confirmedAt) return undefined;
      const { oldEmail: address, email: newEmail } = change;
      const user = await findUser(db, change.userId);
      const values = { address, newEmail: maskEmail(newEmail) };
      return { to: address, ...config.mails.write('email-changed', [user?.locale], values) };
    },
  };
}

/** Masks an address so that only its owner recognises it: `o…@example.com`. */
const maskEmail = (email: string) => email.replace(/^(.)[^@]*/, '$1…');
