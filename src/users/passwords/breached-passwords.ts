import { readFileSync } from 'node:fs';
import { bucketOf, buckets, restLength } from './breached-passwords-format.ts';

const file = readFileSync(new URL('./breached-passwords.bin', import.meta.url));

/** Where each bucket begins, counted in passwords. */
const starts = new Uint32Array(buckets + 1);
for (let bucket = 0; bucket < buckets; bucket += 1) {
  starts[bucket + 1] = (starts[bucket] as number) + file.readUInt8(bucket);
}

/** Whether a password of 8 characters or more is among those known from data breaches, in any case of its letters. */
export function isBreached(password: string): boolean {
  const { bucket, rest } = bucketOf(password);
  const end = starts[bucket + 1] as number;
  for (let at = starts[bucket] as number; at < end; at += 1) {
    if (file.readUIntBE(buckets + restLength * at, restLength) === rest) return true;
  }
  return false;
}
