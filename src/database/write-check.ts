import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import type { Db } from './database.ts';
import { writeChecks } from './schema.ts';

/** Milliseconds for which a result is reused. */
const cacheDuration = 1_000;

/**
 * Bytes that must fit on the disk of an embedded database, which breaks if the disk is full during
 * a write.
 */
const testData = randomBytes(256 * 1024);

/**
 * Creates a check that writes to the database, at most once a second however often it is called.
 * @param dataDir the folder of an embedded database: the check also writes to its disk.
 * @returns a function that rejects with the database's error if the database can't be written.
 */
export function createWriteCheck(db: Db, dataDir?: string): () => Promise<void> {
  let outcome: Promise<void> | undefined;
  const forget = () => void setTimeout(() => (outcome = undefined), cacheDuration).unref();
  return () => {
    if (!outcome) {
      outcome = write(db, dataDir);
      outcome.then(forget, forget);
    }
    return outcome;
  };
}

async function write(db: Db, dataDir: string | undefined): Promise<void> {
  const checkedAt = sql`now()`;
  await db.insert(writeChecks).values({ checkedAt }).onConflictDoUpdate({ target: writeChecks.id, set: { checkedAt } });
  if (dataDir === undefined) return;
  const file = join(dataDir, 'write-check');
  await writeFile(file, testData, { mode: 0o600 }).finally(() => rm(file, { force: true }));
}
