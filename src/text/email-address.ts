import { domainToASCII } from 'node:url';
import { isEmailValid } from '@hapi/address';
import { invalidField, invalidParameter } from '../problems/problem.ts';
import { trimmed } from './display-text.ts';

/** The messages for texts that are not e-mail addresses. In a query string, `+` means a space. */
export const notAnAddress = {
  body: 'must be an e-mail address',
  query: 'must be an e-mail address, with + encoded as %2B',
};

/**
 * Characters that a URL parser drops or decodes in a host, or that end it. `domainToASCII` is such
 * a parser.
 */
const notInDomain = /[\s\p{Cc}%/\\?#]/u;

/** A top-level domain that no mail can reach (RFC 6761, section 6.4). */
const unreachable = /\.invalid$/;

/** UTF-16 units, before normalisation: 254 characters (RFC 5321) of at most two units. */
const maxLength = 508;

/**
 * The canonical form of an e-mail address, which is compared, indexed and unique:
 * Unicode-normalised (NFKC, so that full-width letters become ASCII), trimmed, validated, then
 * lower-cased. A domain in another script is converted to its ASCII form (RFC 5890 A-labels). A
 * local part outside ASCII is refused, since not every mail server accepts it.
 * @returns undefined if the text is not an e-mail address.
 */
export function canonicalEmail(text: string): string | undefined {
  if (text.length > maxLength) return undefined;
  const normal = trimmed(text.normalize('NFKC'));
  const at = normal.lastIndexOf('@');
  const host = normal.slice(at + 1);
  const domain = notInDomain.test(host) ? '' : domainToASCII(host);
  if (at < 1 || domain === '' || unreachable.test(domain)) return undefined;
  const address = `${normal.slice(0, at)}@${domain}`;
  const valid = isEmailValid(address, { allowUnicode: false, minDomainSegments: 2 });
  return valid ? address.toLowerCase() : undefined;
}

export function isEmailAddress(text: string): boolean {
  return canonicalEmail(text) !== undefined;
}

/**
 * The canonical form of an address in a body.
 * @throws invalid-request if the text is not an address.
 */
export function requireCanonicalEmail(text: string, pointer: string): string {
  const email = canonicalEmail(text);
  if (email === undefined) throw invalidField(pointer, notAnAddress.body);
  return email;
}

/**
 * The canonical form of an address in a query.
 * @throws invalid-request if the text is not an address.
 */
export function requireEmailParameter(text: string, parameter: string): string {
  const email = canonicalEmail(text);
  if (email === undefined) throw invalidParameter(parameter, notAnAddress.query);
  return email;
}
