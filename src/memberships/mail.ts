import type { MessageWriter } from '../mail/outbox/message-writer.ts';
import type { Service } from '../service.ts';
import { oneLine } from '../text/one-line.ts';
import { findFormerMember } from './store.ts';

/** Writes the mail to a user who was removed from an account, unless they are a member again. */
export function membershipRemovedMessage({ config, db }: Pick<Service, 'config' | 'db'>): MessageWriter {
  return {
    async write({ accountId, userId }) {
      const formerMember = userId !== null ? await findFormerMember(db, accountId, userId) : undefined;
      if (!formerMember) return undefined;
      const { account, user } = formerMember;
      const values = { address: user.email, account: oneLine(account.name) };
      return { to: user.email, ...config.mails.write('membership-removed', [user.locale, account.locale], values) };
    },
  };
}
