import type { MessageWriter } from '../../mail/outbox/message-writer.ts';
import type { Service } from '../../service.ts';
import { findEmailChange, postponeEmailChange } from '../email-change-store.ts';
import { signEmailChangeToken } from '../link-tokens.ts';
import { findUser, findUserByEmail } from '../store.ts';

type Writer = Pick<Service, 'config' | 'signingKeys' | 'db'>;

/**
 * To the new address of a requested change: a link to confirm it, or a notice that it has a login
 * already. It names the old address although the sender chose it: that address is verified, it
 * names the user who is accountable for the mail, and without it the recipient cannot tell whose
 * login would get their address.
 */
export function emailChangeMessage(service: Writer): MessageWriter {
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
export function emailChangedMessage({ config, db }: Writer): MessageWriter {
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
