import { domainToASCII } from 'node:url';
import { createTransport } from 'nodemailer';
import type { Mail, MailFrom, SendOutcome, Transport } from '../mail.ts';
import { errorCode } from './safe-error-code.ts';
import { unsubscribeHeaders } from './unsubscribe-headers.ts';

/** Milliseconds. Less than the lease, so that no other worker claims the mail meanwhile. */
const defaultTimeout = 15_000;

/** A mail server, and how to connect to it. */
export interface SmtpServer {
  host: string;
  port: number;
  /** `implicit`: TLS from the first byte. `starttls`: required. `none`: never, even if offered. */
  tls: 'implicit' | 'starttls' | 'none';
  login: { user: string; password: string } | undefined;
}

interface SmtpOptions {
  from: MailFrom;
  server: SmtpServer;
  timeout?: number;
}

/**
 * Sends mails through a mail server (RFC 5321). Each mail has its own connection, so that one that
 * hangs does not affect the others.
 */
export function smtpTransport({ server, from, timeout = defaultTimeout }: SmtpOptions): Transport {
  const mailer = createTransport(toConnectionOptions(server));
  return async (mail, now) => {
    // Covers everything from the DNS lookup to the last reply: the library's own timeouts restart
    // with each byte.
    const signal = AbortSignal.timeout(timeout);
    try {
      await mailer.sendMail({ ...toMessage(mail, from, now), signal });
      return { outcome: 'sent' };
    } catch (error) {
      if (signal.aborted) return { outcome: 'deferred', reason: 'The mail server did not answer in time' };
      return toOutcome(error);
    }
  };
}

function toConnectionOptions({ host, port, tls, login }: SmtpServer) {
  return {
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    // Without this, mail to a server that does not offer a login would be sent unauthenticated, and
    // be refused.
    ...(login && { auth: { user: login.user, pass: login.password }, forceAuth: true }),
  };
}

function toMessage({ deliveryId, to, subject, text, html, listUnsubscribe }: Mail, from: MailFrom, date: Date) {
  const domain = domainToASCII(from.email.slice(from.email.lastIndexOf('@') + 1));
  return {
    // The same for every attempt, so that duplicates can be recognised.
    messageId: `<${deliveryId}@${domain}>`,
    date,
    from: { name: from.name, address: from.email },
    // As a string it would be parsed as a list of addresses.
    to: { name: '', address: to },
    subject,
    text,
    html,
    ...(listUnsubscribe !== undefined && { headers: unsubscribeHeaders(listUnsubscribe) }),
  };
}

interface SmtpError {
  code?: unknown;
  /** The system's error code, if `code` is the library's own. */
  originalCode?: unknown;
  responseCode?: unknown;
  command?: unknown;
  /** The server's reply. */
  response?: unknown;
}

/** Bad sequence (RFC 5321) or authentication (RFC 4954): not caused by this mail. */
const unrelatedCodes = [503, 530, 534, 535, 538];

/** An enhanced status code (RFC 3463), anywhere in the reply: some servers put it at the end. */
const enhancedCode = /(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])/;
/**
 * Codes about the recipient: the address does not exist or has moved, or the mailbox is disabled.
 * 5.1.7 to 5.1.9 are about the sender and the route, although servers answer them to RCPT.
 */
const bounceCode = /^5\.(1\.(?![789]$)\d+|2\.1)$/;
/**
 * The same without an enhanced code (RFC 5321, 4.2.3). 553 is not one of them: relays answer it to
 * unknown clients, and a wrong setting must not stop mail to every address.
 */
const bounces = [550, 551];

/** Reads only the codes of the error: the server's reply can quote addresses and the mail. */
function toOutcome(error: unknown): SendOutcome {
  const { code, originalCode, responseCode: answer, command, response } = error as SmtpError;
  if (typeof answer !== 'number' || answer < 400 || answer > 599) {
    return { outcome: 'deferred', reason: `The mail server could not be used (${errorCode(originalCode ?? code)})` };
  }
  const enhanced = enhancedCode.exec(String(response))?.[0];
  const isBounce = enhanced === undefined ? bounces.includes(answer) : bounceCode.test(enhanced);
  if (command === 'RCPT TO' && answer >= 500 && isBounce) {
    return { outcome: 'refused', reason: ['The mail server answered', answer, enhanced].join(' ').trim(), isBounce };
  }
  const reason = `The mail server answered ${answer}`;
  // Refusals of the connection, the login or the sender affect every mail; the operator must fix
  // the settings.
  const isAboutThisMail = (command === 'RCPT TO' || command === 'DATA') && !unrelatedCodes.includes(answer);
  return { outcome: isAboutThisMail && answer >= 500 ? 'refused' : 'deferred', reason };
}
