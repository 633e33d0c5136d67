import { createHash } from 'node:crypto';

/**
 * The number of buckets in `breached-passwords.bin`. The file contains the first five bytes of the
 * SHA-256 of each password: two select the bucket, three are the entry in it. First comes one byte
 * for each bucket, the number of its entries; then the entries, in the order of the buckets. About
 * one unlisted password in two million matches by chance; a Bloom filter with that rate is larger.
 */
export const bucketCount = 65_536;

/** The length of an entry in bytes. */
export const entryLength = 3;

/**
 * Normalises a text to NFKC and lower case, to compare passwords with lists and words. The hashes
 * of users' passwords are not made from this form.
 */
export const fold = (text: string) => text.normalize('NFKC').toLowerCase();

/** The bucket of a password and its entry there. */
export function toBucketEntry(password: string): { bucket: number; entry: number } {
  const digest = createHash('sha256').update(fold(password)).digest();
  return { bucket: digest.readUInt16BE(0), entry: digest.readUIntBE(2, entryLength) };
}
