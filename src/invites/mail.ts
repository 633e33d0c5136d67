import type { Tx } from '../database/database.ts';
import { recordSettlement } from '../deliveries/settled.ts';
import { oneLine, timeInWords, writeMail } from '../mail/write.ts';
import type { Letter, Promised, Settlement } from '../outbox/letter.ts';
import { permissionsIn } from '../permissions/catalogue.ts';
import type { Service } from '../service.ts';
import { findOffer } from './invitee-store.ts';
import { oneClickUrl, optOutLink } from './one-click.ts';
import { statusAt } from './rules.ts';
import { markTried } from './store.ts';
import { signInviteToken, signOptOutToken, signReportToken } from './token.ts';

/** The mail of an invite. The token of its link is signed here, when the mail is written, and stored nowhere. */
export function inviteLetter(service: Pick<Service, 'config' | 'keys' | 'db' | 'catalogue'>): Letter {
  return {
    async write({ accountId, inviteId, sending }: Promised, now: Date) {
      if (accountId === null || inviteId === null || sending === null) return undefined;
      const offer = await findOffer(service.db, accountId, inviteId);
      if (!offer || statusAt(offer.invite, now) !== 'pending' || offer.invite.sendings !== sending) return undefined;
      const { invite, inviter, account } = offer;
      const token = await signInviteToken(
        service,
        { accountId, inviteId, sending },
        { now, expiresAt: invite.expiresAt },
      );
      const optOutToken = await signOptOutToken(service, { accountId, inviteId }, now);
      const reportToken = await signReportToken(service, { accountId, inviteId }, now);
      const words = await writeMail('invite', {
        inviter: oneLine(inviter.name),
        account: oneLine(account.name),
        address: invite.email,
        titles: permissionsIn(service.catalogue, invite).map((it) => it.title),
        message: invite.message,
        until: timeInWords(invite.expiresAt),
        link: service.config.acceptUrl.replace('{token}', token),
        optOutLink: optOutLink(service.config, optOutToken),
        reportLink: service.config.reportUrl.replace('{token}', reportToken),
      });
      return { to: invite.email, ...words, listUnsubscribe: oneClickUrl(service.config, optOutToken) };
    },
    async settled(tx: Tx, { id, accountId, inviteId, sending }: Promised, settlement: Settlement, now: Date) {
      await recordSettlement(tx, id, settlement, now);
      if (accountId === null || inviteId === null || sending === null) return;
      const lastSent = settlement.event === 'sent' ? { lastSentAt: now } : {};
      await markTried(tx, { accountId, id: inviteId, sending }, { deliveryAttempts: settlement.attempt, ...lastSent });
    },
  };
}
