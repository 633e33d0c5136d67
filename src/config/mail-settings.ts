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

/** The settings of mails: links, texts and transports. */
export const mailSettings = {
  acceptUrl: setting({
    name: 'ACCEPT_URL',
    about:
      'The page of your frontend that the Accept Invite link opens. `{token}` is replaced by the token. Required in production.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  verifyUrl: setting({
    name: 'VERIFY_URL',
    about:
      'The same for the link that verifies a new e-mail address. Required in production unless `PASSWORD_LOGIN` is off.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  resetUrl: setting({
    name: 'RESET_URL',
    about: 'The same for the link that resets a password. Required in production unless `PASSWORD_LOGIN` is off.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  emailChangeUrl: setting({
    name: 'EMAIL_CHANGE_URL',
    about:
      'The same for the link that confirms a changed e-mail address. Required in production unless `PASSWORD_LOGIN` is off.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  optOutUrl: setting({
    name: 'OPT_OUT_URL',
    about: 'The same for the opt-out link in invite mails. Required in production.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  reportUrl: setting({
    name: 'REPORT_URL',
    about: 'The same for the link in invite mails that reports an unknown sender. Required in production.',
    default: 'a page of this service under `/dev`',
    read: readLinkTemplate,
  }),
  mailFrom: setting({
    name: 'MAIL_FROM',
    about: 'The sender of every mail: an address, or `Name <address>`. Required with `SMTP_URL` or `SENDGRID_API_KEY`.',
    default: '`Usher <usher@example.com>`',
    read: (text) => (text === undefined ? undefined : readSender(text)),
  }),
  mails: setting({
    name: 'MAIL_TEMPLATES',
    about: 'A folder of texts and templates that replace the built-in ones; see [docs/mail.md](docs/mail.md).',
    default: 'the built-in ones',
    read: (text) => createMailWriter(text),
  }),
  smtpServer: setting({
    name: 'SMTP_URL',
    isSecret: true,
    about:
      'The mail server that sends the mails: `smtp://user:password@host:587` or `smtps://…`; see [docs/operators.md](docs/operators.md#with-smtp). Either `SMTP_URL` or `SENDGRID_API_KEY` is required in production.',
    default: 'mails stay in the development mailbox at `/dev/mailbox`',
    read: (text) => (text === undefined ? undefined : readSmtpServer(text)),
  }),
  sendgridApiKey: setting({
    name: 'SENDGRID_API_KEY',
    isSecret: true,
    about: 'The API key for sending mails through SendGrid, instead of `SMTP_URL`.',
    default: 'mails stay in the development mailbox at `/dev/mailbox`',
    read: (text) => text,
  }),
  sendgridBaseUrl: setting({
    name: 'SENDGRID_BASE_URL',
    about: 'The base URL of SendGrid’s API.',
    default: '`https://api.sendgrid.com`',
    read: (text) => readUrl(text ?? 'https://api.sendgrid.com', ['https:', 'http:']).replace(/\/$/, ''),
  }),
  sendgridTemplates: setting({
    name: 'SENDGRID_TEMPLATES',
    about:
      'SendGrid’s dynamic templates to use instead of Usher’s: a JSON object such as `{ "invite": "d-…", "reminder": { "de": "d-…" } }`, or the path of a file with one; see [docs/mail.md](docs/mail.md).',
    default: 'none',
    read: (text) => (text === undefined ? {} : parseSendgridTemplates(textOrFile(text))),
  }),
  sendgridWebhookKeys: setting({
    name: 'SENDGRID_WEBHOOK_KEYS',
    about:
      'The verification keys of SendGrid’s Signed Event Webhook, separated by commas. It reports the delivery status of mails to `/v1/webhooks/sendgrid`.',
    default: 'none: the delivery status ends at `sent`',
    read: (text) => (text === undefined ? [] : parseWebhookKeys(text)),
  }),
  mailBacklogRate: setting({
    name: 'MAIL_BACKLOG_RATE',
    about:
      'How many mails of the backlog each replica sends per second, from 1 to 1000. The backlog consists of retries and of mails that have waited for more than a minute. Other mails are sent at once.',
    default: '20 per second',
    read: (text) => readNumber(text ?? '20', { min: 1, max: 1000 }),
  }),
};
