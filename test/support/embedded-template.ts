import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { root } from './root.ts';

const fingerprint = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
for (const file of readdirSync(join(root, 'migrations'))
  .filter((it) => it.endsWith('.sql'))
  .sort()) {
  fingerprint.update(readFileSync(join(root, 'migrations', file)));
}

/**
 * An empty embedded database, created once before the tests and copied by each test file, which is
 * faster than creating one. The name depends on the dependencies and migrations.
 */
export const embeddedTemplate = join(
  tmpdir(),
  `usher-test-template-${userInfo().uid}-${fingerprint.digest('hex').slice(0, 16)}`,
);
