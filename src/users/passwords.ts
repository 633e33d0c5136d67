import { hash, verify } from '@node-rs/argon2';
import { dictionary } from '@zxcvbn-ts/language-common';
import pLimit from 'p-limit';
import { invalidField, Problem } from '../problems.ts';
import { passwordLength } from './schemas.ts';

/** OWASP's first choice for argon2id, which is this library's default: 19 MiB, two passes, one lane. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** How many are hashed at once, and how many may wait before the next is turned away. */
const atOnce = 2;
const waiting = 200;

const common = new Set(dictionary['passwords-common'].filter((it) => it.length >= passwordLength.min));

export interface Passwords {
  /** The argon2id hash of a password, in PHC string format. */
  hash(password: string): Promise<string>;
  /** Whether a password is the one hashed. Takes as long where there is no hash to compare with, and answers false. */
  matches(password: string, hash: string | undefined): Promise<boolean>;
}

/** Hashes and compares, a bounded number at once; throws `unavailable` when too many wait already. */
export async function createPasswords(): Promise<Passwords> {
  const limit = pLimit(atOnce);
  const decoy = await hash('', cost);
  const queue = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= waiting)
      throw new Problem('unavailable', 'Too many people are logging in at this moment.');
    return limit(work);
  };
  return {
    hash: (password) => queue(() => hash(password, cost)),
    matches: (password, kept) =>
      queue(async () => {
        const same = await verify(kept ?? decoy, password);
        return same && kept !== undefined;
      }),
  };
}

/**
 * Refuses the most common passwords. Length is all that is asked beside that (NIST SP 800-63B): no rule about which characters.
 * @param pointer where the password stands in the body.
 */
export function requireUncommonPassword(password: string, pointer: string): void {
  if (common.has(password.toLowerCase())) {
    throw invalidField(pointer, 'is among the most common passwords: attackers try it first');
  }
}
