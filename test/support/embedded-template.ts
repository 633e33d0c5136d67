import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { root } from './root.ts';

const made = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
for (const file of readdirSync(join(root, 'migrations'))
  .filter((it) => it.endsWith('.sql'))
  .sort()) {
  made.update(readFileSync(join(root, 'migrations', file)));
}

/**
 * An empty embedded database, made once before the tests and copied by each file: making one takes seconds, copying it a
 * fraction of one. Other dependencies or migrations have another.
 */
export const embeddedTemplate = join(
  tmpdir(),
  `usher-test-template-${userInfo().uid}-${made.digest('hex').slice(0, 16)}`,
);
