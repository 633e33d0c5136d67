import { findOwnershipTransfer } from '../accounts/store.ts';
import type { MessageWriter } from '../mail/outbox/message-writer.ts';
import type { Service } from '../service.ts';
import { oneLine } from '../text/one-line.ts';

/**
 * Writes the mail to the member to whom ownership is offered, if the offer is still active. It
 * has no link that changes anything.
 */
export function ownershipOfferedMessage({ config, db }: Pick<Service, 'config' | 'db'>): MessageWriter {
  return {
    async write({ accountId, userId }, now) {
      const offer = await findOwnershipTransfer(db, accountId, now);
      if (!offer?.isActive || offer.user.id !== userId) return undefined;
      const { account, owner, user, locale } = offer;
      const values = { address: user.email, account: oneLine(account.name), owner: oneLine(owner.name) };
      const message = config.mails.write('ownership-offered', [locale, account.locale], values);
      return { to: user.email, ...message, sender: owner.id };
    },
  };
}
