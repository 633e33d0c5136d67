import { inviteLetter, inviteReminderLetter } from './invites/mail.ts';
import type { Letters } from './mail/outbox/message-writer.ts';
import { membershipRemovedLetter } from './memberships/mail.ts';
import { ownershipOfferedLetter } from './ownership/mail.ts';
import type { Service } from './service.ts';
import { emailChangedLetter, emailChangeLetter } from './users/mail/email-change.ts';
import { identityLinkedLetter } from './users/mail/identities.ts';
import { passwordChangedLetter, passwordResetLetter } from './users/mail/passwords.ts';
import { registrationLetter } from './users/mail/registration.ts';

/** How each kind of promised mail is written. */
export const lettersOf = (service: Service): Letters => ({
  invite: inviteLetter(service),
  registration: registrationLetter(service),
  'password-reset': passwordResetLetter(service),
  'password-changed': passwordChangedLetter(service),
  'email-change': emailChangeLetter(service),
  'email-changed': emailChangedLetter(service),
  'identity-linked': identityLinkedLetter(service),
  'invite-reminder': inviteReminderLetter(service),
  'ownership-offered': ownershipOfferedLetter(service),
  'membership-removed': membershipRemovedLetter(service),
});
