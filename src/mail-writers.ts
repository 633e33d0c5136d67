import { inviteMessage, inviteReminderMessage } from './invites/mail.ts';
import type { MessageWriters } from './mail/outbox/message-writer.ts';
import { membershipRemovedMessage } from './memberships/mail.ts';
import { ownershipOfferedMessage } from './ownership/mail.ts';
import type { Service } from './service.ts';
import { emailChangedMessage, emailChangeMessage } from './users/mail/email-change.ts';
import { identityLinkedMessage } from './users/mail/identities.ts';
import { passwordChangedMessage, passwordResetMessage } from './users/mail/passwords.ts';
import { registrationMessage } from './users/mail/registration.ts';

/** The message writer of each kind of mail. */
export const messageWriters = (service: Service): MessageWriters => ({
  invite: inviteMessage(service),
  registration: registrationMessage(service),
  'password-reset': passwordResetMessage(service),
  'password-changed': passwordChangedMessage(service),
  'email-change': emailChangeMessage(service),
  'email-changed': emailChangedMessage(service),
  'identity-linked': identityLinkedMessage(service),
  'invite-reminder': inviteReminderMessage(service),
  'ownership-offered': ownershipOfferedMessage(service),
  'membership-removed': membershipRemovedMessage(service),
});
