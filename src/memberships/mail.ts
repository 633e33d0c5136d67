import type { MessageWriter } from '../mail/outbox/message-writer.ts';
import type { Service } from '../service.ts';
import { oneLine } from '../text/one-line.ts';
import { findRemoved } from './store.ts';

/** To someone whom another person removed from an account, unless they are in it again. */
export function membershipRemovedMessage({ config, db }: Pick<Service, 'config' | 'db'>): MessageWriter {
  return {
    async write({ accountId, userId }) {
      const removed = userId !== null ? await findRemoved(db, accountId, userId) : undefined;
      if (!removed) return undefined;
      const { account, user } = removed;
      const values = { address: user.email, account: oneLine(account.name) };
      return { to: user.email, ...config.mails.write('membership-removed', [user.locale, account.locale], values) };
    },
  };
}
