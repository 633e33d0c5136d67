import { createHash } from 'node:crypto';

/**
 * How `breached-passwords.bin` keeps passwords: the first five bytes of the SHA-256 of each, in the order of the first two. A
 * byte for each value of those two says how many follow; after these come the other three of each. Five bytes take a password
 * that is not listed for one that is about once in two million, in less room than a Bloom filter that errs as seldom.
 */
export const buckets = 65_536;

/** Bytes of a password that stand in its bucket. */
export const restLength = 3;

/** A text without upper case and full width (NFKC): the form in which passwords are compared with lists, and never hashed. */
export const fold = (text: string) => text.normalize('NFKC').toLowerCase();

/** Where a password stands: in which bucket, and as what. */
export function bucketOf(password: string): { bucket: number; rest: number } {
  const digest = createHash('sha256').update(fold(password)).digest();
  return { bucket: digest.readUInt16BE(0), rest: digest.readUIntBE(2, restLength) };
}
