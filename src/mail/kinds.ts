/**
 * Every mail that has its own texts. For the kinds of outbox messages, see `outboxKinds` in
 * `database/tables/words.ts`.
 */
export const mailKinds = [
  'invite',
  'reminder',
  'verify-email',
  'login-exists',
  'password-reset',
  'no-password',
  'password-changed',
  'email-change',
  'email-changed',
  'identity-linked',
  'ownership-offered',
  'membership-removed',
] as const;

export type MailKind = (typeof mailKinds)[number];

/**
 * The values of a mail, unescaped. `link` is the target of its button, `items` the list below its
 * first sentence, `message` what the inviter wrote. `access` selects the first sentence.
 */
export type MailValues = Record<string, string | Date | readonly string[] | null>;
