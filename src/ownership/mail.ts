import { oneLine } from '../mail/one-line.ts';
import type { Letter } from '../outbox/letter.ts';
import type { Service } from '../service.ts';
import { findStandingOffer } from './store.ts';

/** To the member to whom the ownership was offered, as long as the offer stands. It holds no link that decides anything. */
export function ownershipOfferedLetter({ config, db }: Pick<Service, 'config' | 'db'>): Letter {
  return {
    async write({ accountId, userId }) {
      const offer = accountId !== null && userId !== null ? await findStandingOffer(db, accountId, userId) : undefined;
      if (!offer) return undefined;
      const { account, owner, user } = offer;
      const values = { address: user.email, account: oneLine(account.name), owner: oneLine(owner.name) };
      const words = config.mails.write('ownership-offered', [user.locale, account.locale], values);
      return { to: user.email, ...words, sender: owner.id };
    },
  };
}
