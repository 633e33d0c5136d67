import { hash, type Options, parseOptions, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { Problem } from '../problems/problem.ts';
import { normalisePassword } from './password-normal-form.ts';

export type PasswordCost = Required<Pick<Options, 'memoryCost' | 'timeCost' | 'parallelism'>>;

/** OWASP's first recommendation, and the library's default: 19 MiB, two passes, one lane. */
const defaultCost: PasswordCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** The prefix of a current hash: argon2id, version 1.3 (RFC 9106). */
const currentPrefix = '$argon2id$v=19$';

/** The minimum lengths in bytes. New hashes have exactly these. */
const minLengths = { saltLen: 16, outputLen: 32 };

/** How many passwords are hashed at once. */
const maxConcurrent = 2;
/** How many more may wait before further ones are refused. */
const maxWaiting = 200;

export interface Passwords {
  /** The argon2id hash of a password, in PHC string format. */
  hash(password: string): Promise<string>;
  /**
   * Whether a password has this hash. If the hash is missing or malformed, it takes as long and
   * returns false.
   */
  matches(password: string, hash: string | null | undefined): Promise<boolean>;
  /** The number of passwords that wait to be hashed. */
  waiting(): number;
  /** Whether a hash is malformed or weaker than a new hash. */
  isOutdated(hash: string): boolean;
}

/**
 * Hashes and verifies passwords in their normal form, a limited number at once. Both throw
 * `unavailable` if too many are waiting.
 */
export async function createPasswords(cost: PasswordCost = defaultCost): Promise<Passwords> {
  const limit = pLimit(maxConcurrent);
  const decoy = await hash('', cost);
  const queue = async <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= maxWaiting)
      throw new Problem('unavailable', 'Too many users are logging in at the moment. Try again later.');
    return limit(work);
  };
  return {
    hash: (password) => queue(() => hash(normalisePassword(password), cost)),
    matches: (password, storedHash) =>
      queue(async () => {
        const form = normalisePassword(password);
        const isMatch = typeof storedHash === 'string' ? await verifyIfWellFormed(storedHash, form) : undefined;
        if (isMatch === undefined) await verify(decoy, form);
        return isMatch ?? false;
      }),
    waiting: () => limit.pendingCount,
    isOutdated: (storedHash) => isWeaker(storedHash, cost),
  };
}

/** @returns undefined if the hash is malformed, which the library detects before any work. */
const verifyIfWellFormed = (storedHash: string, password: string): Promise<boolean | undefined> =>
  verify(storedHash, password).catch(() => undefined);

function isWeaker(storedHash: string, cost: PasswordCost): boolean {
  try {
    const { memoryCost, timeCost, parallelism, saltLen, outputLen } = parseOptions(storedHash);
    const isAsCostly = memoryCost >= cost.memoryCost && timeCost >= cost.timeCost && parallelism >= cost.parallelism;
    const isAsLong = saltLen >= minLengths.saltLen && outputLen >= minLengths.outputLen;
    return !(storedHash.startsWith(currentPrefix) && isAsCostly && isAsLong);
  } catch {
    return true;
  }
}
