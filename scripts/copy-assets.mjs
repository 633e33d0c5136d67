/**
 * Copies the files that tsc does not emit into a build: `node scripts/copy-assets.mjs dist`, or
 * `build` for the build of the tests, which has the same folders as the project.
 */
import { cpSync } from 'node:fs';
import { join } from 'node:path';

const assets = ['mail/templates', 'users/passwords/breached-passwords.bin'];

const copies = {
  dist: assets.map((it) => [join('src', it), join('dist', it)]),
  build: [...assets.map((it) => join('src', it)), 'migrations', 'package.json'].map((it) => [it, join('build', it)]),
};

const [target = ''] = process.argv.slice(2);
if (!Object.hasOwn(copies, target)) throw new Error(`usage: copy-assets.mjs ${Object.keys(copies).join('|')}`);
for (const [from, to] of copies[target]) cpSync(from, to, { recursive: true });
