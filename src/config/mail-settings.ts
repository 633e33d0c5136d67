import { parseSendgridTemplates } from '../mail/sendgrid-templates.ts';
import { parseWebhookKeys } from '../mail/transports/sendgrid-signature.ts';
import { createMailWriter } from '../mail/write.ts';
import {
  readLinkTemplate,
  readNumber,
  readSender,
  readSmtpServer,
  readUrl,
  setting,
  textOrFile,
} from './setting-values.ts';

/** The settings of mails: where their links lead, how they are written, and how they leave. */
export const mailSettings = {
  acceptUrl: setting({
    name: 'ACCEPT_URL',
    about:
      'Where the Accept Invite link leads: a page of your frontend, with `{token}` where the token goes. Required in production.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  verifyUrl: setting({
    name: 'VERIFY_URL',
    about: 'The same for the link that verifies a new address. Required in production, unless `PASSWORD_LOGIN` is off.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  resetUrl: setting({
    name: 'RESET_URL',
    about: 'The same for the link that chooses a new password. Required in production, unless `PASSWORD_LOGIN` is off.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  emailChangeUrl: setting({
    name: 'EMAIL_CHANGE_URL',
    about:
      'The same for the link that confirms a changed address. Required in production, unless `PASSWORD_LOGIN` is off.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  optOutUrl: setting({
    name: 'OPT_OUT_URL',
    about:
      'The same for the link in an invite’s mail by which someone asks not to be invited again. Required in production.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  reportUrl: setting({
    name: 'REPORT_URL',
    about:
      'The same for the link in an invite’s mail by which someone who does not know the sender reports it. Required in production.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  mailFrom: setting({
    name: 'MAIL_FROM',
    about: 'The sender of every mail: `Name <address>` or an address. Required with `SMTP_URL` or `SENDGRID_API_KEY`.',
    default: '`Usher <usher@example.com>`',
    read: (text) => (text === undefined ? undefined : readSender(text)),
  }),
  mails: setting({
    name: 'MAIL_TEMPLATES',
    about:
      'A folder of words and templates that replace the built-in ones, mail by mail and language by language; see [docs/mail.md](docs/mail.md).',
    default: 'the built-in ones',
    read: (text) => createMailWriter(text),
  }),
  smtpServer: setting({
    name: 'SMTP_URL',
    isSecret: true,
    about:
      'Sends mail through a mail server: `smtp://user:password@host:587` or `smtps://…`; see [docs/operators.md](docs/operators.md#with-smtp). This or `SENDGRID_API_KEY` is required in production.',
    default: 'mails stay in the development mailbox at `/dev/mailbox`',
    read: (text) => (text === undefined ? undefined : readSmtpServer(text)),
  }),
  sendgridApiKey: setting({
    name: 'SENDGRID_API_KEY',
    isSecret: true,
    about: 'Sends mail through SendGrid, in the place of `SMTP_URL`.',
    default: 'mails stay in the development mailbox at `/dev/mailbox`',
    read: (text) => text,
  }),
  sendgridBaseUrl: setting({
    name: 'SENDGRID_BASE_URL',
    about: 'Where SendGrid’s API is.',
    default: '`https://api.sendgrid.com`',
    read: (text) => readUrl(text ?? 'https://api.sendgrid.com', ['https:', 'http:']).replace(/\/$/, ''),
  }),
  sendgridTemplates: setting({
    name: 'SENDGRID_TEMPLATES',
    about:
      'Dynamic templates at SendGrid in the place of mails: a JSON object such as `{ "invite": "d-…", "reminder": { "de": "d-…" } }`, or the path of a file that holds one; see [docs/mail.md](docs/mail.md).',
    default: 'none',
    read: (text) => (text === undefined ? {} : parseSendgridTemplates(textOrFile(text))),
  }),
  sendgridWebhookKeys: setting({
    name: 'SENDGRID_WEBHOOK_KEYS',
    about:
      'The verification keys of SendGrid’s Signed Event Webhook, parted by commas: it tells `/v1/webhooks/sendgrid` what became of mails.',
    default: 'none: the delivery status stops at `sent`',
    read: (text) => (text === undefined ? [] : parseWebhookKeys(text)),
  }),
  mailBacklogRate: setting({
    name: 'MAIL_BACKLOG_RATE',
    about:
      'How many mails each replica sends in a second of those that wait for longer than a minute or are tried again, such as after an outage; from 1 to 1000. Others are sent at once.',
    default: '20 a second',
    read: (text) => readNumber(text ?? '20', { min: 1, max: 1000 }),
  }),
};
