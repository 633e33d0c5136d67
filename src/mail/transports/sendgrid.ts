import sendgridClient from '@sendgrid/client';
import sendgridMail from '@sendgrid/mail';
import type { Mail, MailFrom, Outcome, Transport } from '../mail.ts';
import { type SendgridTemplates, templateFor } from '../sendgrid-templates.ts';
import { codeWord } from './code-word.ts';
import { unsubscribeHeaders } from './unsubscribe-headers.ts';

// Both modules are one shared instance with its class as a property, which their types do not say.
const { Client } = sendgridClient as unknown as { Client: new () => typeof sendgridClient };
const { MailService } = sendgridMail as unknown as { MailService: new () => typeof sendgridMail };

/** Milliseconds until SendGrid is given up on for this time. Less than a lease, so that no second worker starts meanwhile. */
const usualTimeout = 15_000;

interface SendgridOptions {
  from: MailFrom;
  apiKey: string;
  baseUrl: string;
  /** Which mails are written at SendGrid. */
  templates?: SendgridTemplates;
  timeout?: number;
}

/** Sends mails through SendGrid's v3 mail/send. */
export function sendgridTransport({
  from,
  templates = {},
  timeout = usualTimeout,
  ...access
}: SendgridOptions): Transport {
  return async (mail, now) => {
    try {
      await serviceWithin(timeout, access).send(messageOf(mail, from, templates));
      return { outcome: 'sent' };
    } catch (error) {
      return outcomeOf(error, now);
    }
  };
}

/**
 * A service for one mail. Its time is counted from the first byte sent to the last one received: the client's own timeout
 * starts again with each byte. And it follows no redirect, which would take the mail elsewhere and call that sent.
 */
function serviceWithin(timeout: number, { apiKey, baseUrl }: Pick<SendgridOptions, 'apiKey' | 'baseUrl'>) {
  const client = new Client();
  client.setApiKey(apiKey);
  client.setDefaultRequest({ baseUrl: `${baseUrl}/`, signal: AbortSignal.timeout(timeout), maxRedirects: 0 } as never);
  const service = new MailService();
  service.setClient(client);
  return service;
}

function messageOf(mail: Mail, from: MailFrom, templates: SendgridTemplates) {
  const { to, deliveryId, listUnsubscribe } = mail;
  return {
    to,
    from: from.name === '' ? from.email : from,
    ...contentOf(mail, templates),
    ...(listUnsubscribe !== undefined && { headers: unsubscribeHeaders(listUnsubscribe) }),
    customArgs: { deliveryId },
    // Links arrive as they were written, and nobody is watched; a mail that can be unsubscribed from says so itself.
    trackingSettings: {
      clickTracking: { enable: false, enableText: false },
      openTracking: { enable: false },
      subscriptionTracking: { enable: false },
    },
  };
}

/** The words as they were written here, or what a dynamic template at SendGrid makes them of. */
function contentOf({ subject, text, html, about }: Mail, templates: SendgridTemplates) {
  const templateId = about && templateFor(templates, about.kind, about.wanted);
  if (!templateId) return { subject, text, html };
  return { templateId, dynamicTemplateData: { ...about.values, subject, locale: about.locale } };
}

interface ResponseError {
  code?: unknown;
  response?: { headers?: Record<string, unknown>; body?: { errors?: unknown } };
}

/** What a refusal means, to whoever can do something about it. */
const meanings: Record<number, string> = {
  400: 'it does not take this mail',
  401: 'it does not take the API key',
  403: 'the sender or the API key may not send',
  413: 'the mail is too large',
  429: 'too many requests',
};

/** Reads the status, the fields at fault and when to come again, and nothing else: an error carries the API key and the whole mail. */
function outcomeOf(error: unknown, now: Date): Outcome {
  const { code, response } = error as ResponseError;
  const status = response && typeof code === 'number' ? code : undefined;
  if (code === 'ERR_CANCELED') return { outcome: 'deferred', reason: 'SendGrid did not answer in time' };
  if (status === undefined) return { outcome: 'deferred', reason: `SendGrid did not answer (${codeWord(code)})` };
  const words = [meanings[status], fieldsIn(response?.body?.errors)].filter((it) => it !== undefined);
  const reason = [`SendGrid answered ${status}`, ...words].join(': ');
  if (status >= 400 && status < 500 && status !== 429 && status !== 408) return { outcome: 'refused', reason };
  const retryAfter = secondsUntil(response?.headers, now);
  return { outcome: 'deferred', reason, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** The fields that SendGrid names as wrong, where they are names and nothing else. */
function fieldsIn(errors: unknown): string | undefined {
  const fields = (Array.isArray(errors) ? errors : []).map((it) => (it as { field?: unknown } | null)?.field);
  const names = fields.filter((it) => typeof it === 'string' && /^[a-z_.\d[\]]{1,60}$/.test(it));
  return names.length > 0 ? names.slice(0, 3).join(', ') : undefined;
}

/** Seconds. Whatever a header says, nobody is put off for longer. */
const longestWait = 24 * 3_600;

/**
 * When SendGrid wants to be asked again, in seconds: Retry-After (RFC 9110, 10.2.3), which is a number of them or a date, or
 * the end of its rate limit's window.
 */
function secondsUntil(headers: Record<string, unknown> = {}, now: Date): number | undefined {
  const given = headers['retry-after'];
  const seconds =
    numberIn(given) ?? untilTime(timeIn(given), now) ?? untilTime(numberIn(headers['x-ratelimit-reset']), now);
  return seconds === undefined ? undefined : Math.min(seconds, longestWait);
}

const numberIn = (text: unknown) => (typeof text === 'string' && /^\d{1,12}$/.test(text) ? Number(text) : undefined);

/** An HTTP-date (RFC 9110, 5.6.7) in seconds since 1970. */
function timeIn(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text))
    return undefined;
  const time = Date.parse(text) / 1000;
  return Number.isNaN(time) ? undefined : time;
}

const untilTime = (time: number | undefined, now: Date) =>
  time === undefined ? undefined : Math.max(0, Math.ceil(time - now.getTime() / 1000));
