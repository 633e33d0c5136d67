import { createHash } from 'node:crypto';

/**
 * The form in which refresh tokens and API keys are stored and found. One round is enough for
 * these, since each has 256 random bits, and a look-up by a hash reveals nothing by its timing.
 * Passwords have few bits: see `credentials/password-hashing.ts`.
 */
export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('base64url');

/** 128 bits of it: a name for something that must not be shown, or that is too long to compare. */
export const shortHash = (data: string | Buffer): string => sha256(data).slice(0, 22);
