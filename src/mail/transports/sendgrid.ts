import sendgridClient from '@sendgrid/client';
import sendgridMail from '@sendgrid/mail';
import type { Mail, MailFrom, SendOutcome, Transport } from '../mail.ts';
import { type SendgridTemplates, templateFor } from '../sendgrid-templates.ts';
import { errorCode } from './safe-error-code.ts';
import { unsubscribeHeaders } from './unsubscribe-headers.ts';

// Both modules export a shared instance that has its class as a property. The types omit the class.
const { Client } = sendgridClient as unknown as { Client: new () => typeof sendgridClient };
const { MailService } = sendgridMail as unknown as { MailService: new () => typeof sendgridMail };

/** Milliseconds. Less than the lease, so that no other worker claims the mail meanwhile. */
const defaultTimeout = 15_000;

interface SendgridOptions {
  from: MailFrom;
  apiKey: string;
  baseUrl: string;
  /** SendGrid writes these mails. */
  templates?: SendgridTemplates;
  timeout?: number;
}

/** Sends mails through SendGrid's v3 mail/send API. */
export function sendgridTransport({
  from,
  templates = {},
  timeout = defaultTimeout,
  ...access
}: SendgridOptions): Transport {
  return async (mail, now) => {
    try {
      await createService(timeout, access).send(toMessage(mail, from, templates));
      return { outcome: 'sent' };
    } catch (error) {
      return toOutcome(error, now);
    }
  };
}

/**
 * Creates a mail service for one mail. The timeout covers the whole exchange: the client's own
 * timeout restarts with each byte. Redirects are not followed, as they would send the mail to
 * another server and report it as sent.
 */
function createService(timeout: number, { apiKey, baseUrl }: Pick<SendgridOptions, 'apiKey' | 'baseUrl'>) {
  const client = new Client();
  client.setApiKey(apiKey);
  client.setDefaultRequest({ baseUrl: `${baseUrl}/`, signal: AbortSignal.timeout(timeout), maxRedirects: 0 } as never);
  const service = new MailService();
  service.setClient(client);
  return service;
}

function toMessage(mail: Mail, from: MailFrom, templates: SendgridTemplates) {
  const { to, deliveryId, listUnsubscribe } = mail;
  return {
    to,
    from: from.name === '' ? from.email : from,
    ...toContent(mail, templates),
    ...(listUnsubscribe !== undefined && { headers: unsubscribeHeaders(listUnsubscribe) }),
    customArgs: { deliveryId },
    // No tracking and no rewritten links. Mails that can be unsubscribed from have their own
    // header.
    trackingSettings: {
      clickTracking: { enable: false, enableText: false },
      openTracking: { enable: false },
      subscriptionTracking: { enable: false },
    },
  };
}

/** The written mail, or the id and the data of a dynamic template at SendGrid. */
function toContent({ subject, text, html, about }: Mail, templates: SendgridTemplates) {
  const templateId = about && templateFor(templates, about.kind, about.preferred);
  if (!templateId) return { subject, text, html };
  return { templateId, dynamicTemplateData: { ...about.values, subject, locale: about.locale } };
}

interface ResponseError {
  code?: unknown;
  response?: { headers?: Record<string, unknown>; body?: { errors?: unknown } };
}

/** What a status means, for the operator. */
const meanings: Record<number, string> = {
  400: 'it rejected this mail',
  401: 'the API key is not valid',
  403: 'the sender or the API key is not allowed to send',
  413: 'the mail is too large',
  429: 'too many requests',
};

/**
 * Reads only the status, the names of the wrong fields and the time to retry: the error also
 * contains the API key and the whole mail.
 */
function toOutcome(error: unknown, now: Date): SendOutcome {
  const { code, response } = error as ResponseError;
  const status = response && typeof code === 'number' ? code : undefined;
  if (code === 'ERR_CANCELED') return { outcome: 'deferred', reason: 'SendGrid did not answer in time' };
  if (status === undefined) return { outcome: 'deferred', reason: `SendGrid did not answer (${errorCode(code)})` };
  const details = [meanings[status], fieldsIn(response?.body?.errors)].filter((it) => it !== undefined);
  const reason = [`SendGrid answered ${status}`, ...details].join(': ');
  if (status >= 400 && status < 500 && status !== 429 && status !== 408) return { outcome: 'refused', reason };
  const retryAfter = secondsUntil(response?.headers, now);
  return { outcome: 'deferred', reason, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** The names of the fields that SendGrid rejected, if they look like field names. */
function fieldsIn(errors: unknown): string | undefined {
  const fields = (Array.isArray(errors) ? errors : []).map((it) => (it as { field?: unknown } | null)?.field);
  const names = fields.filter((it) => typeof it === 'string' && /^[a-z_.\d[\]]{1,60}$/.test(it));
  return names.length > 0 ? names.slice(0, 3).join(', ') : undefined;
}

/** Seconds. The upper limit of `retryAfter`. */
const maxWait = 24 * 3_600;

/**
 * Seconds to wait before the next attempt: from Retry-After (RFC 9110, 10.2.3), which is a number
 * of seconds or a date, or from the end of SendGrid's rate limit window.
 */
function secondsUntil(headers: Record<string, unknown> = {}, now: Date): number | undefined {
  const retryAfter = headers['retry-after'];
  const seconds =
    numberIn(retryAfter) ??
    untilTime(timeIn(retryAfter), now) ??
    untilTime(numberIn(headers['x-ratelimit-reset']), now);
  return seconds === undefined ? undefined : Math.min(seconds, maxWait);
}

const numberIn = (text: unknown) => (typeof text === 'string' && /^\d{1,12}$/.test(text) ? Number(text) : undefined);

/** An HTTP date (RFC 9110, 5.6.7) in seconds since 1970. */
function timeIn(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text))
    return undefined;
  const time = Date.parse(text) / 1000;
  return Number.isNaN(time) ? undefined : time;
}

const untilTime = (time: number | undefined, now: Date) =>
  time === undefined ? undefined : Math.max(0, Math.ceil(time - now.getTime() / 1000));
