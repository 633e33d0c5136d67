import { hash, type Options, parseOptions, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';
import { Problem } from '../problems/problem.ts';
import { passwordForm } from './password-normal-form.ts';

export type PasswordCost = Required<Pick<Options, 'memoryCost' | 'timeCost' | 'parallelism'>>;

/** OWASP's first choice for argon2id, which is this library's default: 19 MiB, two passes, one lane. */
const recommended: PasswordCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** How a hash of today begins: the algorithm, and the version 1.3 of it (RFC 9106). */
const current = '$argon2id$v=19$';

/** Bytes that the salt and the hash have at least; what is made here has as many. */
const shortest = { saltLen: 16, outputLen: 32 };

/** How many are hashed at once, and how many may wait before the next is turned away. */
const atOnce = 2;
const waiting = 200;

export interface Passwords {
  /** The argon2id hash of a password, in PHC string format. */
  hash(password: string): Promise<string>;
  /**
   * Whether a password is the one hashed, in its normal form. Takes as long where there is no hash
   * to compare with, or a malformed one, and answers false.
   */
  matches(password: string, hash: string | null | undefined): Promise<boolean>;
  /** How many wait for their turn. */
  waiting(): number;
  /** Whether a hash is weaker than one made now, or none at all: hash the password anew as soon as it is known. */
  isOutdated(hash: string): boolean;
}

/** Hashes and compares, a bounded number at once; throws `unavailable` when too many wait already. */
export async function createPasswords(cost: PasswordCost = recommended): Promise<Passwords> {
  const limit = pLimit(atOnce);
  const decoy = await hash('', cost);
  const queue = async <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= waiting)
      throw new Problem('unavailable', 'Too many people are logging in at this moment.');
    return limit(work);
  };
  return {
    hash: (password) => queue(() => hash(passwordForm(password), cost)),
    matches: (password, kept) =>
      queue(async () => {
        const form = passwordForm(password);
        const same = typeof kept === 'string' ? await verifyIfWellFormed(kept, form) : undefined;
        if (same === undefined) await verify(decoy, form);
        return same ?? false;
      }),
    waiting: () => limit.pendingCount,
    isOutdated: (kept) => isWeaker(kept, cost),
  };
}

/** @returns undefined where the hash is malformed, which is found out before any work. */
const verifyIfWellFormed = (kept: string, password: string): Promise<boolean | undefined> =>
  verify(kept, password).catch(() => undefined);

function isWeaker(kept: string, cost: PasswordCost): boolean {
  try {
    const { memoryCost, timeCost, parallelism, saltLen, outputLen } = parseOptions(kept);
    const isAsCostly = memoryCost >= cost.memoryCost && timeCost >= cost.timeCost && parallelism >= cost.parallelism;
    const isAsLong = saltLen >= shortest.saltLen && outputLen >= shortest.outputLen;
    return !(kept.startsWith(current) && isAsCostly && isAsLong);
  } catch {
    return true;
  }
}
