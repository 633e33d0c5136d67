import type { Tx } from '../database/database.ts';
import { platformUserId } from '../ids/ids.ts';
import type { MessageWriter, QueuedMessage, SendingResult } from '../mail/outbox/message-writer.ts';
import type { Service } from '../service.ts';
import { oneLine } from '../text/one-line.ts';
import { recordSendingResult } from './deliveries/record-result.ts';
import { findUndeliverable } from './deliveries/store.ts';
import { describeAccess } from './describe-access.ts';
import { findInviteDetails } from './invitee-store.ts';
import { oneClickUrl, optOutLink } from './opt-out-links.ts';
import { statusAt } from './status.ts';
import { updateLastSending } from './store.ts';
import { signInviteToken, signOptOutToken, signReportToken } from './token.ts';

type Writer = Pick<Service, 'config' | 'signingKeys' | 'db'>;
type InviteDetails = NonNullable<Awaited<ReturnType<typeof findInviteDetails>>>;

/** The reason shown to the account. Resending the invite makes the caller its inviter. */
const inviterInactive = 'The inviter was no longer active when the mail was due.';

/** Writes the mail of an invite. Withheld if the inviter is not active when it is due. */
export function inviteMessage(service: Writer): MessageWriter {
  return {
    async write(message, now) {
      const details = await findSendableInvite(service, message, now);
      if (details && !details.isInviterActive) return { dropReason: inviterInactive };
      return details && writeInviteMail(service, 'invite', details, now);
    },
    async onResult(tx, message, result, now) {
      await recordSendingResult(tx, message, result, now);
      await updateSending(tx, message, { deliveryAttempts: result.attempt, ...lastSent(result, now) });
    },
    onDelayed: (tx, message, { reason }) => updateSending(tx, message, { deliveryReason: reason }),
  };
}

/**
 * Writes the reminder that is sent before an invite expires, with a new link that expires with the
 * invite. Not sent if the account disabled reminders, the inviter is not active, or the address is
 * undeliverable.
 */
export function inviteReminderMessage(service: Writer): MessageWriter {
  return {
    async write(message, now) {
      const details = await findSendableInvite(service, message, now);
      if (!details?.isInviterActive || details.account.remindDaysBefore === null) return undefined;
      if (await findUndeliverable(service.db, details.account.id, details.invite.email)) return undefined;
      return writeInviteMail(service, 'reminder', details, now);
    },
    async onResult(tx, message, result, now) {
      await recordSendingResult(tx, message, result, now);
      if (result.event === 'sent') await updateSending(tx, message, lastSent(result, now));
    },
  };
}

/** The invite of a message; undefined if it is not pending any more or was resent since. */
async function findSendableInvite({ db }: Writer, { accountId, inviteId, sending }: QueuedMessage, now: Date) {
  const details = inviteId !== null ? await findInviteDetails(db, accountId, inviteId, now) : undefined;
  const isSendable = details && statusAt(details.invite, now) === 'pending' && details.invite.sendings === sending;
  return isSendable ? details : undefined;
}

/** Signs the tokens of the links. They are not stored. */
async function writeInviteMail(
  service: Writer,
  kind: 'invite' | 'reminder',
  { invite, inviter, account }: InviteDetails,
  now: Date,
) {
  const { config } = service;
  const { permissions } = await describeAccess(service.db, invite, [invite.locale, account.locale]);
  const claims = { accountId: account.id, inviteId: invite.id };
  const linkClaims = { ...claims, sending: invite.sendings };
  const token = await signInviteToken(service, linkClaims, { now, expiresAt: invite.expiresAt });
  const optOutToken = await signOptOutToken(service, claims, now);
  const reportToken = await signReportToken(service, claims, now);
  const texts = config.mails.write(kind, [invite.locale, account.locale], {
    inviter: oneLine(inviter.name),
    account: oneLine(account.name),
    address: invite.email,
    access: accessKind(invite, permissions),
    items: permissions.map((it) => it.title),
    message: invite.message,
    until: invite.expiresAt,
    link: config.acceptUrl.replace('{token}', token),
    optOutLink: optOutLink(config, optOutToken),
    reportLink: config.reportUrl.replace('{token}', reportToken),
  });
  // The platform sends for many accounts, and one account must not delay the mail of another.
  const sender = invite.invitedBy === platformUserId ? account.id : invite.invitedBy;
  return { to: invite.email, ...texts, listUnsubscribe: oneClickUrl(config, optOutToken), sender };
}

/** Selects the sentence that describes the access. */
function accessKind({ ownership, allPermissions }: InviteDetails['invite'], permissions: unknown[]) {
  if (ownership) return 'ownership';
  if (allPermissions) return 'all';
  return permissions.length > 0 ? 'chosen' : 'member';
}

const lastSent = ({ event }: SendingResult, now: Date) => (event === 'sent' ? { lastSentAt: now } : {});

async function updateSending(
  tx: Tx,
  { accountId, inviteId: id, sending }: QueuedMessage,
  changes: Parameters<typeof updateLastSending>[2],
) {
  if (id !== null && sending !== null) await updateLastSending(tx, { accountId, id, sending }, changes);
}
