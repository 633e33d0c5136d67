import { readFileSync } from 'node:fs';
import { bucketCount, entryLength, toBucketEntry } from './breached-passwords-format.ts';

const file = readFileSync(new URL('./breached-passwords.bin', import.meta.url));

/** The index of the first entry of each bucket. */
const starts = new Uint32Array(bucketCount + 1);
for (let bucket = 0; bucket < bucketCount; bucket += 1) {
  starts[bucket + 1] = (starts[bucket] as number) + file.readUInt8(bucket);
}

/** Whether a password of 8 characters or more is on the list of breached ones, ignoring case. */
export function isBreached(password: string): boolean {
  const { bucket, entry } = toBucketEntry(password);
  const end = starts[bucket + 1] as number;
  for (let index = starts[bucket] as number; index < end; index += 1) {
    if (file.readUIntBE(bucketCount + entryLength * index, entryLength) === entry) return true;
  }
  return false;
}
