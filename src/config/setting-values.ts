import { readFileSync } from 'node:fs';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';
import type { MailFrom } from '../mail/mail.ts';
import type { SmtpServer } from '../mail/transports/smtp.ts';
import { isEmailAddress } from '../text/email-address.ts';

/** An environment variable: its name, documentation and parser. */
export interface Setting<T> {
  name: string;
  about: string;
  /** The default, in words. */
  default: string;
  /** Whether it may contain a secret. Then `…_FILE` can name a file with the value. */
  isSecret?: boolean;
  /**
   * Parses the value.
   * @param text undefined if the variable is not set.
   * @throws an Error that says what is wrong.
   */
  read(text: string | undefined): T;
}

export const setting = <T>(it: Setting<T>): Setting<T> => it;

export function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new Error('must be a whole number from 0 to 65535');
  return port;
}

export function readUrl(text: string, protocols: string[]): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !protocols.includes(url.protocol))
    throw new Error(`must be a URL that begins with ${protocols.join(' or ')}`);
  return text;
}

/** A URL that may contain a user and a password. */
export function readServerUrl(text: string, protocols: string[]): string {
  requireEscapes(text);
  return readUrl(text, protocols);
}

/**
 * Finds unescaped characters in the user or password of a URL. People often forget to escape them.
 * @throws an Error that names only the character.
 */
export function requireEscapes(text: string): void {
  const rest = text.slice(text.indexOf('://') + 3);
  const mustEscape = (it: string) =>
    new Error(`has an unescaped ${it} in its user or password: write ${it} as ${encodeURIComponent(it)}`);
  if (rest.includes('#')) {
    throw new Error('has an unescaped #: write # as %23');
  }
  if (/%(?![0-9a-f]{2})/i.test(rest)) throw new Error('has a % that is not part of an escape: write % as %25');
  const [authority = ''] = rest.split(/[/?]/, 1);
  const after = rest.slice(authority.length);
  // "user:pass?word@host": "user:pass" looks like a host and a port.
  if (after.startsWith('?') && authority.includes(':') && after.includes('@')) throw mustEscape('?');
  if (after.split('?', 1)[0]?.includes('@')) throw mustEscape('/');
  if (authority.split('@').length > 2) throw mustEscape('@');
}

export function readLinkTemplate(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (text.split('{token}').length !== 2)
    throw new Error('must contain {token} exactly once. Quote the value in an env file, where # begins a comment');
  readUrl(text.replace('{token}', 'token'), ['https:', 'http:']);
  return text;
}

/** Converts the domain to ASCII (RFC 5890), which every mail service accepts. */
function withAsciiDomain(email: string): string {
  const at = email.lastIndexOf('@');
  return email.slice(0, at + 1) + domainToASCII(email.slice(at + 1));
}

export function readSender(text: string): MailFrom {
  const named = /^\s*([^<>\r\n]*?)\s*<([^<>\s]+)>\s*$/.exec(text);
  const sender = named ? { name: named[1] ?? '', email: named[2] ?? '' } : { name: '', email: text.trim() };
  if (!isEmailAddress(sender.email))
    throw new Error('must be an e-mail address, or a name and an address: Name <address>');
  return { ...sender, email: withAsciiDomain(sender.email) };
}

/**
 * Reads the URL of a mail server. Mails contain links that grant access, so TLS is required for
 * other hosts unless the URL has `?tls=off`. A password is never sent to them without TLS.
 */
export function readSmtpServer(text: string): SmtpServer {
  const invalid =
    'must be a URL such as smtp://user:password@smtp.example.com:587 or smtps://smtp.example.com, with special characters written as %XX';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = (url?.hostname ?? '').replaceAll(/[[\]]/g, '').toLowerCase();
  if (!url || !/^smtps?:$/.test(url.protocol) || !/^[\w.:-]+$/.test(host) || url.port === '0') throw new Error(invalid);
  if (!/^\/?(\?tls=off)?$/.test(url.pathname + url.search + url.hash)) {
    throw new Error('must have nothing after the host and port, except ?tls=off');
  }
  const [user, password] = [url.username, url.password].map((it) => decodePart(it, invalid)) as [string, string];
  if ((user === '') !== (password === '')) throw new Error('must have a user and a password, or neither');
  const isImplicit = url.protocol === 'smtps:';
  const isOff = url.search !== '';
  const isLocal = ['localhost', '127.0.0.1', '::1'].includes(host);
  if (isOff && isImplicit) throw new Error('must not combine smtps: with ?tls=off');
  if (isOff && !isLocal && password !== '')
    throw new Error('must not combine a password with ?tls=off, except on localhost');
  return {
    host,
    port: url.port === '' ? (isImplicit ? 465 : 587) : Number(url.port),
    tls: isImplicit ? 'implicit' : isOff || isLocal ? 'none' : 'starttls',
    login: password === '' ? undefined : { user, password },
  };
}

function decodePart(part: string, message: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error(message);
  }
}

export function readChoice(text: string, choices: string[]): string {
  if (!choices.includes(text)) throw new Error(`must be one of ${choices.join(', ')}`);
  return text;
}

/** Returns JSON as it is. Reads the file if the text is a path. */
export function textOrFile(text: string): string {
  if (/^\s*[{[]/.test(text)) return text;
  try {
    return readFileSync(text, 'utf8');
  } catch {
    throw new Error('must be JSON, or the path of a readable file');
  }
}

export function readNumber(text: string, { min, max }: { min: number; max: number }): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max) {
    throw new Error(`must be a whole number from ${min} to ${max}`);
  }
  return number;
}

/** Browser origins (RFC 6454), separated by commas; `*` for any. */
export function readOrigins(text: string): string[] | '*' {
  if (text.trim() === '*') return '*';
  const origins = text.split(',').map((it) => it.trim());
  const isOrigin = (it: string) =>
    URL.canParse(it) && /^https?:$/.test(new URL(it).protocol) && new URL(it).origin === it && !it.includes('*');
  if (!origins.every(isOrigin))
    throw new Error('must be origins such as https://app.example.com, separated by commas, or *');
  return origins;
}

/** The trusted proxies: addresses and networks, or their number. */
export function readProxies(text: string): string[] | number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const proxies = text.split(',').map((it) => it.trim());
  // Short forms of IPv4 are refused: 100 would be 0.0.0.100, not a number of proxies.
  const isAddress = (it: string) =>
    ipaddr.IPv4.isValidFourPartDecimal(it) || ipaddr.IPv6.isValid(it) || ipaddr.isValidCIDR(it);
  if (!proxies.every((it) => isAddress(it) || /^(loopback|linklocal|uniquelocal)$/.test(it))) {
    throw new Error('must be addresses or networks such as 10.0.0.0/8, separated by commas, or the number of proxies');
  }
  return proxies;
}

/** The audiences of account tokens, separated by commas. */
export function readAudiences(text: string): string[] {
  const audiences = text.split(',').map((it) => it.trim());
  if (audiences.some((it) => !/^[\x21-\x7e]{1,200}$/.test(it)))
    throw new Error('must be names or URLs, separated by commas');
  return audiences;
}
