import { domainToASCII } from 'node:url';
import { isEmailValid } from '@hapi/address';
import { invalidField, invalidParameter } from '../problems/problem.ts';
import { trimmed } from './display-text.ts';

/** The messages for a text that is not an address. In a query string, a `+` is a space. */
export const notAnAddress = {
  body: 'must be an e-mail address',
  query: 'must be an e-mail address; write a + in it as %2B',
};

/** What ends a host in a URL, or is dropped or decoded there. The ASCII form of a domain is found by a URL parser. */
const notInDomain = /[\s\p{Cc}%/\\?#]/u;

/** A top-level domain that no mail can reach (RFC 6761, section 6.4). */
const neverAddressed = /\.invalid$/;

/** UTF-16 units that an address may have before it is looked at: 254 characters (RFC 5321), each of two at most. */
const longest = 508;

/**
 * The one canonical form of an e-mail address, which is compared, indexed and unique:
 * Unicode-normalised (NFKC, so that full-width letters become ASCII), trimmed, validated, then
 * lower-cased. A domain in other scripts takes its ASCII form (RFC 5890 A-labels); a local part
 * outside ASCII is refused, since not every mail server takes one.
 * @returns the canonical address, or undefined where the text is no address.
 */
export function canonicalEmail(text: string): string | undefined {
  if (text.length > longest) return undefined;
  const normal = trimmed(text.normalize('NFKC'));
  const at = normal.lastIndexOf('@');
  const given = normal.slice(at + 1);
  const domain = notInDomain.test(given) ? '' : domainToASCII(given);
  if (at < 1 || domain === '' || neverAddressed.test(domain)) return undefined;
  const address = `${normal.slice(0, at)}@${domain}`;
  const valid = isEmailValid(address, { allowUnicode: false, minDomainSegments: 2 });
  return valid ? address.toLowerCase() : undefined;
}

export function isEmailAddress(text: string): boolean {
  return canonicalEmail(text) !== undefined;
}

/** The canonical form of an address in a body. @throws invalid-request where it is no address. */
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
