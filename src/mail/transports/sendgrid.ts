import sendgridClient from '@sendgrid/client';
import sendgridMail from '@sendgrid/mail';
import type { Sender } from '../../setting-values.ts';
import type { Mail, Outcome, Transport } from '../mail.ts';
import { codeWord } from './code-word.ts';
import { unsubscribeHeaders } from './unsubscribe-headers.ts';

// Both modules are one shared instance with its class as a property, which their types do not say.
const { Client } = sendgridClient as unknown as { Client: new () => typeof sendgridClient };
const { MailService } = sendgridMail as unknown as { MailService: new () => typeof sendgridMail };

/** Milliseconds until SendGrid is given up on for this time. Less than a lease, so that no second worker starts meanwhile. */
const usualTimeout = 15_000;

interface SendgridOptions {
  from: Sender;
  apiKey: string;
  baseUrl: string;
  timeout?: number;
}

/** Sends mails through SendGrid's v3 mail/send. */
export function sendgridTransport({ from, timeout = usualTimeout, ...access }: SendgridOptions): Transport {
  return async (mail) => {
    try {
      await serviceWithin(timeout, access).send(messageOf(mail, from));
      return { outcome: 'sent' };
    } catch (error) {
      return outcomeOf(error);
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

function messageOf({ to, subject, text, html, deliveryId, listUnsubscribe }: Mail, from: Sender) {
  return {
    to,
    from: from.name === '' ? from.email : from,
    subject,
    text,
    html,
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

interface ResponseError {
  code?: unknown;
  response?: { headers?: Record<string, unknown> };
}

/** Reads the status and Retry-After of an error, and nothing else: it carries the API key and the whole mail. */
function outcomeOf(error: unknown): Outcome {
  const { code, response } = error as ResponseError;
  const status = response && typeof code === 'number' ? code : undefined;
  if (code === 'ERR_CANCELED') return { outcome: 'deferred', reason: 'SendGrid did not answer in time' };
  if (status === undefined) return { outcome: 'deferred', reason: `SendGrid did not answer (${codeWord(code)})` };
  const reason = `SendGrid answered ${status}`;
  if (status >= 400 && status < 500 && status !== 429 && status !== 408) return { outcome: 'refused', reason };
  const retryAfter = secondsOf(response?.headers?.['retry-after']);
  return { outcome: 'deferred', reason, ...(retryAfter === undefined ? {} : { retryAfter }) };
}

/** Retry-After (RFC 9110, 10.2.3) in seconds, where it is a number of them. */
function secondsOf(header: unknown): number | undefined {
  const seconds = Number(header);
  return typeof header === 'string' && /^\d{1,6}$/.test(header) ? seconds : undefined;
}
