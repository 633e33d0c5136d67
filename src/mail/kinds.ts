/**
 * Every mail that has words of its own. What the outbox can contain: `outboxKinds` in
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
 * What a mail is about: texts as people wrote them, times, and lists of texts. Of these, `link` is what its button leads to,
 * `items` a list beneath its first sentence, `message` what a person says, `access` which of the first sentences it is.
 */
export type MailValues = Record<string, string | Date | readonly string[] | null>;
