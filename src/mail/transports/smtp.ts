import { domainToASCII } from 'node:url';
import { createTransport } from 'nodemailer';
import type { Mail, MailFrom, Outcome, Transport } from '../mail.ts';
import { codeWord } from './code-word.ts';
import { unsubscribeHeaders } from './unsubscribe-headers.ts';

/** Milliseconds until a mail server is given up on for this time. Less than a lease, so that no second worker starts meanwhile. */
const usualTimeout = 15_000;

/** A mail server, and how it is talked to. */
export interface SmtpServer {
  host: string;
  port: number;
  /** From the first byte, by STARTTLS or not at all, or none. */
  tls: 'implicit' | 'starttls' | 'none';
  login: { user: string; password: string } | undefined;
}

interface SmtpOptions {
  from: MailFrom;
  server: SmtpServer;
  timeout?: number;
}

/**
 * Sends mails through a mail server (RFC 5321), each over a connection of its own: a shared one would be lost to all of its
 * mails with the first that hangs, and the worker has few mails in hand at once.
 */
export function smtpTransport({ server, from, timeout = usualTimeout }: SmtpOptions): Transport {
  const mailer = createTransport(connectionTo(server));
  return async (mail, now) => {
    // From looking up the host to the last answer: the library's own timeouts start again with each byte.
    const signal = AbortSignal.timeout(timeout);
    try {
      await mailer.sendMail({ ...messageOf(mail, from, now), signal });
      return { outcome: 'sent' };
    } catch (error) {
      if (signal.aborted) return { outcome: 'deferred', reason: 'The mail server did not answer in time' };
      return outcomeOf(error);
    }
  };
}

function connectionTo({ host, port, tls, login }: SmtpServer) {
  return {
    host,
    port,
    secure: tls === 'implicit',
    requireTLS: tls === 'starttls',
    ignoreTLS: tls === 'none',
    // A server that offers no login is not sent to without one: it would refuse as a stranger's what it takes from us.
    ...(login && { auth: { user: login.user, pass: login.password }, forceAuth: true }),
  };
}

function messageOf({ deliveryId, to, subject, text, html, listUnsubscribe }: Mail, from: MailFrom, date: Date) {
  const domain = domainToASCII(from.email.slice(from.email.lastIndexOf('@') + 1));
  return {
    // The same each time the mail is sent, so that one that was sent twice can be told.
    messageId: `<${deliveryId}@${domain}>`,
    date,
    from: { name: from.name, address: from.email },
    // An object is not read as a list of addresses.
    to: { name: '', address: to },
    subject,
    text,
    html,
    ...(listUnsubscribe !== undefined && { headers: unsubscribeHeaders(listUnsubscribe) }),
  };
}

interface SmtpError {
  code?: unknown;
  /** What the system called it, where `code` is the library's word. */
  originalCode?: unknown;
  responseCode?: unknown;
  command?: unknown;
  /** All that the server said. */
  response?: unknown;
}

/** Out of order (RFC 5321), or about logging in (RFC 4954): what has to be mended there is not the mail. */
const notAboutTheMail = [503, 530, 534, 535, 538];

/**
 * An enhanced status code (RFC 3463), wherever the server puts it: some write it in brackets at the
 * end.
 */
const enhancedCode = /(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d.])/;
/**
 * Those about the address: it does not exist, has moved, or its mailbox takes no mail. 5.1.7 to
 * 5.1.9 are about the sender and the route, although servers answer them to RCPT.
 */
const bounceCode = /^5\.(1\.(?![789]$)\d+|2\.1)$/;
/**
 * Without an enhanced code: no such mailbox, or moved elsewhere (RFC 5321, 4.2.3). Not 553: relays
 * that don't know the client answer it, and a wrong setting must not stop mail to every address.
 */
const bounces = [550, 551];

/** Reads the codes of an error, and nothing else: it carries the server's words, which quote addresses and the mail. */
function outcomeOf(error: unknown): Outcome {
  const { code, originalCode, responseCode: answer, command, response } = error as SmtpError;
  if (typeof answer !== 'number' || answer < 400 || answer > 599) {
    return { outcome: 'deferred', reason: `The mail server could not be used (${codeWord(originalCode ?? code)})` };
  }
  const enhanced = enhancedCode.exec(String(response))?.[0];
  const isBounce = enhanced === undefined ? bounces.includes(answer) : bounceCode.test(enhanced);
  if (command === 'RCPT TO' && answer >= 500 && isBounce) {
    return { outcome: 'refused', reason: ['The mail server answered', answer, enhanced].join(' ').trim(), isBounce };
  }
  const reason = `The mail server answered ${answer}`;
  // Whatever it says to the greeting, the login or the sender, it says to every mail: that is the operator's to mend.
  const isAboutTheMail = (command === 'RCPT TO' || command === 'DATA') && !notAboutTheMail.includes(answer);
  return { outcome: isAboutTheMail && answer >= 500 ? 'refused' : 'deferred', reason };
}
