import type { Tx } from '../database/database.ts';
import { platformUserId } from '../ids/ids.ts';
import type { MessageWriter, QueuedMessage, SendingResult } from '../mail/outbox/message-writer.ts';
import type { Service } from '../service.ts';
import { oneLine } from '../text/one-line.ts';
import { recordSendingResult } from './deliveries/record-result.ts';
import { findUndeliverable } from './deliveries/store.ts';
import { findOffer } from './invitee-store.ts';
import { describeOffer } from './offer.ts';
import { oneClickUrl, optOutLink } from './one-click.ts';
import { statusAt } from './status.ts';
import { markSendingTried } from './store.ts';
import { signInviteToken, signOptOutToken, signReportToken } from './token.ts';

type Writer = Pick<Service, 'config' | 'signingKeys' | 'db'>;
type Offer = NonNullable<Awaited<ReturnType<typeof findOffer>>>;

/**
 * A mail is sent only if its inviter is active when it is written. Resending an invite makes the
 * caller its inviter.
 */
const inviterInactive = 'The inviter was no longer active when the mail was due.';

/** The mail of an invite. The token of its link is signed here, when the mail is written, and stored nowhere. */
export function inviteMessage(service: Writer): MessageWriter {
  return {
    async write(message, now) {
      const offer = await findLiveOffer(service, message, now);
      if (offer && !offer.isInviterActive) return { withheld: inviterInactive };
      return offer && writeOffer(service, 'invite', offer, now);
    },
    async settled(tx, message, settlement, now) {
      await recordSendingResult(tx, message, settlement, now);
      await keepTry(tx, message, { deliveryAttempts: settlement.attempt, ...lastSent(settlement, now) });
    },
    delayed: (tx, message, { reason }) => keepTry(tx, message, { deliveryReason: reason }),
  };
}

/**
 * The mail that reminds of an invite before it expires, if its account has reminders, its inviter
 * is active, and mail to the address is not stopped. It is the same invite, by a link of its own
 * that lives no longer than the invite's sending.
 */
export function inviteReminderMessage(service: Writer): MessageWriter {
  return {
    async write(message, now) {
      const offer = await findLiveOffer(service, message, now);
      if (!offer?.isInviterActive || offer.account.remindDaysBefore === null) return undefined;
      if (await findUndeliverable(service.db, offer.account.id, offer.invite.email)) return undefined;
      return writeOffer(service, 'reminder', offer, now);
    },
    async settled(tx, message, settlement, now) {
      await recordSendingResult(tx, message, settlement, now);
      if (settlement.event === 'sent') await keepTry(tx, message, lastSent(settlement, now));
    },
  };
}

/** What a mail of an invite says; undefined where that is decided, expired, or sent again since. */
async function findLiveOffer({ db }: Writer, { accountId, inviteId, sending }: QueuedMessage, now: Date) {
  const offer = inviteId !== null ? await findOffer(db, accountId, inviteId, now) : undefined;
  const isLive = offer && statusAt(offer.invite, now) === 'pending' && offer.invite.sendings === sending;
  return isLive ? offer : undefined;
}

async function writeOffer(
  service: Writer,
  kind: 'invite' | 'reminder',
  { invite, inviter, account }: Offer,
  now: Date,
) {
  const { config } = service;
  const { permissions } = await describeOffer(service.db, invite, [invite.locale, account.locale]);
  const named = { accountId: account.id, inviteId: invite.id };
  const link = { ...named, sending: invite.sendings };
  const token = await signInviteToken(service, link, { now, expiresAt: invite.expiresAt });
  const optOutToken = await signOptOutToken(service, named, now);
  const reportToken = await signReportToken(service, named, now);
  const words = config.mails.write(kind, [invite.locale, account.locale], {
    inviter: oneLine(inviter.name),
    account: oneLine(account.name),
    address: invite.email,
    access: givenBy(invite, permissions),
    items: permissions.map((it) => it.title),
    message: invite.message,
    until: invite.expiresAt,
    link: config.acceptUrl.replace('{token}', token),
    optOutLink: optOutLink(config, optOutToken),
    reportLink: config.reportUrl.replace('{token}', reportToken),
  });
  // The platform sends for many accounts, and one must not delay another's mail.
  const sender = invite.invitedBy === platformUserId ? account.id : invite.invitedBy;
  return { to: invite.email, ...words, listUnsubscribe: oneClickUrl(config, optOutToken), sender };
}

/** Which first sentence fits what an invite gives. */
function givenBy({ ownership, allPermissions }: Offer['invite'], permissions: unknown[]) {
  if (ownership) return 'ownership';
  if (allPermissions) return 'all';
  return permissions.length > 0 ? 'chosen' : 'member';
}

const lastSent = ({ event }: SendingResult, now: Date) => (event === 'sent' ? { lastSentAt: now } : {});

async function keepTry(
  tx: Tx,
  { accountId, inviteId: id, sending }: QueuedMessage,
  tried: Parameters<typeof markSendingTried>[2],
) {
  if (id !== null && sending !== null) await markSendingTried(tx, { accountId, id, sending }, tried);
}
