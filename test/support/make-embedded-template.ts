/** Program: creates the template database. Run once before the tests. */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { embeddedTemplate } from './embedded-template.ts';

if (process.env.TEST_DATABASE_URL === undefined && !existsSync(embeddedTemplate)) {
  const draft = `${embeddedTemplate}.${process.pid}`;
  const database = await openDatabase({ kind: 'embedded', dataDir: draft });
  await migrate(database.db);
  await database.close();
  await rename(draft, embeddedTemplate).catch(() => rm(draft, { recursive: true }));
}
