import { domainToUnicode } from 'node:url';
import { invalidField } from '../../problems/problem.ts';
import { passwordLength } from '../schemas.ts';
import { isBreached } from './breached-passwords.ts';
import { fold } from './breached-passwords-format.ts';

/** The service's own words, which everybody can guess: they add nothing to a password (OWASP ASVS 5.0, 6.1.2 and 6.2.11). */
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

/** Characters that a word has at least: shorter ones stand in every other passphrase by chance. */
const shortestWord = 4;

/** Whose password it is to be: what someone who knows them tries first. */
export interface PasswordContext {
  /** The canonical address. */
  email?: string;
  /** The name of the person. */
  name?: string;
  /** The names of accounts that they are in, or are invited to. */
  accounts?: string[];
}

/**
 * Refuses a password that attackers try first: a common or breached one, or one that is nothing without the words of the address,
 * the person's and the accounts' names and the service. Spaces, punctuation and upper case aside, what is left without these must
 * be long enough, and not a common one, by itself. No rule about which characters (NIST SP 800-63B-4, 3.1.1.2; OWASP ASVS 5.0,
 * 6.2.4, 6.2.5, 6.2.11, 6.2.12).
 * @param pointer where the password stands in the body.
 * @throws invalid-request.
 */
export function requireGoodPassword(password: string, pointer: string, about: PasswordContext): void {
  if (isBreached(password)) {
    throw invalidField(pointer, 'is a common password, known from data breaches: attackers try these first');
  }
  if (isMadeOf(password, about)) {
    throw invalidField(
      pointer,
      `is made of the address, a name or the service’s own words: without these, ${passwordLength.min} characters must be left that are no common password`,
    );
  }
}

function isMadeOf(password: string, about: PasswordContext): boolean {
  const given = fold(password).replaceAll(/[\p{P}\p{Z}]/gu, '');
  const left = wordsAbout(about).reduce((rest, word) => rest.replaceAll(word, ''), given);
  return left !== given && ([...left].length < passwordLength.min || isBreached(left));
}

/** The words to take out, longest first, so that `membership` goes before `member`. */
function wordsAbout({ email = '', name = '', accounts = [] }: PasswordContext): string[] {
  const [local = '', domain = ''] = email.split('@');
  const words = [email, local, domain, domainToUnicode(domain), name, ...accounts].flatMap(wordsIn);
  return [...new Set([...serviceWords, ...words])].sort((a, b) => b.length - a.length);
}

/** A text's words with and without their digits, and all of them in one, as `olivia.owner` is typed `oliviaowner`. */
function wordsIn(text: string): string[] {
  const words = fold(text).split(/[^\p{L}\p{M}\p{N}]+/u);
  const writers = words.flatMap((it) => it.split(/\p{N}+/u));
  return [words.join(''), ...words, ...writers].filter((it) => [...it].length >= shortestWord);
}
