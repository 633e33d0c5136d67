import { domainToUnicode } from 'node:url';
import { invalidField } from '../../problems/problem.ts';
import { passwordLength } from '../schemas.ts';
import { isBreached } from './breached-passwords.ts';
import { fold } from './breached-passwords-format.ts';

/**
 * The service's own words. They are easy to guess, so they do not count towards the length of a
 * password (OWASP ASVS 5.0, 6.1.2 and 6.2.11).
 */
export const serviceWords = [
  'account',
  'invitation',
  'invite',
  'login',
  'member',
  'membership',
  'owner',
  'password',
  'permission',
  'usher',
] as const;

/** Shorter words are ignored: they occur in many passphrases by chance. */
const minWordLength = 4;

/** Facts about the user that an attacker who knows them tries first. */
export interface PasswordContext {
  /** The canonical address. */
  email?: string;
  /** The user's name. */
  name?: string;
  /** The names of accounts that they are a member of or invited to. */
  accounts?: string[];
}

/**
 * Refuses a password that attackers try first: a common or breached one, or one that is based on
 * the words of the address, the names of the user and their accounts, or the service's own words.
 * If a password contains such words, the rest without spaces and punctuation must be long enough
 * and not a common password. Case is ignored. There are no composition rules (NIST SP 800-63B-4,
 * 3.1.1.2; OWASP ASVS 5.0, 6.2.4, 6.2.5, 6.2.11, 6.2.12).
 * @param pointer the JSON pointer of the password in the body.
 * @throws invalid-request.
 */
export function requireGoodPassword(password: string, pointer: string, context: PasswordContext): void {
  if (isBreached(password)) {
    throw invalidField(pointer, 'is a common password from known data breaches; choose another one');
  }
  if (isBasedOn(password, context)) {
    throw invalidField(
      pointer,
      `is based on the address, a name or the service’s own words: without these, at least ${passwordLength.min} characters must be left that are not a common password`,
    );
  }
}

function isBasedOn(password: string, context: PasswordContext): boolean {
  const text = fold(password).replaceAll(/[\p{P}\p{Z}]/gu, '');
  const remainder = contextWords(context).reduce((rest, word) => rest.replaceAll(word, ''), text);
  return remainder !== text && ([...remainder].length < passwordLength.min || isBreached(remainder));
}

/** The words to remove, longest first, so that `membership` is removed before `member`. */
function contextWords({ email = '', name = '', accounts = [] }: PasswordContext): string[] {
  const [local = '', domain = ''] = email.split('@');
  const words = [email, local, domain, domainToUnicode(domain), name, ...accounts].flatMap(splitWords);
  return [...new Set([...serviceWords, ...words])].sort((a, b) => b.length - a.length);
}

/**
 * The words of a text with and without their digits, and all of them joined: `olivia.owner` gives
 * `olivia`, `owner` and `oliviaowner`.
 */
function splitWords(text: string): string[] {
  const words = fold(text).split(/[^\p{L}\p{M}\p{N}]+/u);
  const withoutDigits = words.flatMap((it) => it.split(/\p{N}+/u));
  return [words.join(''), ...words, ...withoutDigits].filter((it) => [...it].length >= minWordLength);
}
