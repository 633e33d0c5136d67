import { readFileSync } from 'node:fs';
import { domainToASCII } from 'node:url';
import ipaddr from 'ipaddr.js';
import type { MailFrom } from '../mail/mail.ts';
import type { SmtpServer } from '../mail/transports/smtp.ts';
import { isEmailAddress } from '../text/email-address.ts';

/** One setting: what it is called in the environment, what it means, and how its text is read. */
export interface Setting<T> {
  name: string;
  about: string;
  /** What holds when it is not set, in words. */
  default: string;
  /** Whether it may hold a secret, and so may stand in a file that `…_FILE` names instead. */
  isSecret?: boolean;
  /** The value, or a thrown Error whose message says what is wrong. `undefined` in: not set. */
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
 * The characters that end a part of a URL are the ones that people forget to escape in a password.
 * @throws an Error that names the character, and nothing else of the text.
 */
export function requireEscapes(text: string): void {
  const rest = text.slice(text.indexOf('://') + 3);
  const mustEscape = (it: string) =>
    new Error(`has an unescaped ${it} in its user or password: write ${it} as ${encodeURIComponent(it)}`);
  if (rest.includes('#')) {
    throw new Error('has an unescaped #: write # as %23, for instance in the password');
  }
  if (/%(?![0-9a-f]{2})/i.test(rest)) throw new Error('has a % that is not part of an escape: write % as %25');
  const [authority = ''] = rest.split(/[/?]/, 1);
  const after = rest.slice(authority.length);
  // "user:pass" looks like a host and a port, and the rest of the password follows.
  if (after.startsWith('?') && authority.includes(':') && after.includes('@')) throw mustEscape('?');
  if (after.split('?', 1)[0]?.includes('@')) throw mustEscape('/');
  if (authority.split('@').length > 2) throw mustEscape('@');
}

export function readLinkTemplate(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (text.split('{token}').length !== 2)
    throw new Error('must hold {token} once; in an env file a # begins a comment unless the value is quoted');
  readUrl(text.replace('{token}', 'token'), ['https:', 'http:']);
  return text;
}

/** A domain in other scripts in the form that every mail service takes (RFC 5890). */
function withAsciiDomain(email: string): string {
  const at = email.lastIndexOf('@');
  return email.slice(0, at + 1) + domainToASCII(email.slice(at + 1));
}

export function readSender(text: string): MailFrom {
  const named = /^\s*([^<>\r\n]*?)\s*<([^<>\s]+)>\s*$/.exec(text);
  const sender = named ? { name: named[1] ?? '', email: named[2] ?? '' } : { name: '', email: text.trim() };
  if (!isEmailAddress(sender.email)) throw new Error('must be an address, or a name and an address: Name <address>');
  return { ...sender, email: withAsciiDomain(sender.email) };
}

/**
 * A mail server as a URL. Mails carry links that let people in, so they leave this machine over TLS unless the URL says
 * otherwise, and a password never leaves it without.
 */
export function readSmtpServer(text: string): SmtpServer {
  const wrong =
    'must be a URL such as smtp://user:password@smtp.example.com:587 or smtps://smtp.example.com, special characters in it written as %XX';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const host = (url?.hostname ?? '').replaceAll(/[[\]]/g, '').toLowerCase();
  if (!url || !/^smtps?:$/.test(url.protocol) || !/^[\w.:-]+$/.test(host) || url.port === '0') throw new Error(wrong);
  if (!/^\/?(\?tls=off)?$/.test(url.pathname + url.search + url.hash)) {
    throw new Error('must end after the host and its port, but for ?tls=off');
  }
  const [user, password] = [url.username, url.password].map((it) => decoded(it, wrong)) as [string, string];
  if ((user === '') !== (password === '')) throw new Error('must have a user and a password, or neither');
  const isImplicit = url.protocol === 'smtps:';
  const isOff = url.search !== '';
  const isLocal = ['localhost', '127.0.0.1', '::1'].includes(host);
  if (isOff && isImplicit) throw new Error('must not ask for TLS by smtps: and for none by ?tls=off');
  if (isOff && !isLocal && password !== '') throw new Error('must not send a password over the network with ?tls=off');
  return {
    host,
    port: url.port === '' ? (isImplicit ? 465 : 587) : Number(url.port),
    tls: isImplicit ? 'implicit' : isOff || isLocal ? 'none' : 'starttls',
    login: password === '' ? undefined : { user, password },
  };
}

function decoded(part: string, wrong: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Error(wrong);
  }
}

export function readChoice(text: string, choices: string[]): string {
  if (!choices.includes(text)) throw new Error(`must be one of ${choices.join(', ')}`);
  return text;
}

/** JSON as it is, or that of a file. */
export function textOrFile(text: string): string {
  if (/^\s*[{[]/.test(text)) return text;
  try {
    return readFileSync(text, 'utf8');
  } catch {
    throw new Error('must be JSON, or the path of a file that can be read');
  }
}
/** A whole number. */
export function readNumber(text: string, { min, max }: { min: number; max: number }): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < min || number > max) {
    throw new Error(`must be a whole number from ${min} to ${max}`);
  }
  return number;
}

/** The origins of browsers (RFC 6454), parted by commas; `*` is any. */
export function readOrigins(text: string): string[] | '*' {
  if (text.trim() === '*') return '*';
  const origins = text.split(',').map((it) => it.trim());
  const isOrigin = (it: string) =>
    URL.canParse(it) && /^https?:$/.test(new URL(it).protocol) && new URL(it).origin === it && !it.includes('*');
  const wrong = origins.filter((it) => !isOrigin(it));
  if (wrong.length > 0) throw new Error('must be origins such as https://app.example.com, parted by commas, or *');
  return origins;
}

/** Proxies that are trusted to say who is behind them: addresses, networks, or how many there are. */
export function readProxies(text: string): string[] | number {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const proxies = text.split(',').map((it) => it.trim());
  // Not the short forms of IPv4: 100 is not 0.0.0.100 to whoever counts proxies.
  const isAddress = (it: string) =>
    ipaddr.IPv4.isValidFourPartDecimal(it) || ipaddr.IPv6.isValid(it) || ipaddr.isValidCIDR(it);
  if (!proxies.every((it) => isAddress(it) || /^(loopback|linklocal|uniquelocal)$/.test(it))) {
    throw new Error(
      'must be addresses or networks such as 10.0.0.0/8, parted by commas, or how many proxies there are',
    );
  }
  return proxies;
}

/** Names of services, by which a token says for whom it is. */
export function readAudiences(text: string): string[] {
  const audiences = text.split(',').map((it) => it.trim());
  if (audiences.some((it) => !/^[\x21-\x7e]{1,200}$/.test(it)))
    throw new Error('must be names or URLs, parted by commas');
  return audiences;
}
