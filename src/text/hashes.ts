import { createHash } from 'node:crypto';

/**
 * Hashes refresh tokens and API keys, which are stored and looked up by their hashes. One round is
 * enough, since they have 256 random bits, and the timing of a look-up by hash reveals nothing.
 * For passwords, see `credentials/password-hashing.ts`.
 */
export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('base64url');

/** The first 132 bits of the hash: an identifier for data that is secret or too long to compare. */
export const shortHash = (data: string | Buffer): string => sha256(data).slice(0, 22);
