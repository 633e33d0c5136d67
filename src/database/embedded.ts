import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import type { DrizzleConfig } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/pglite';
import type { Db, Schema } from './database.ts';
import { lockFolder } from './folder-lock.ts';

/**
 * Opens the embedded database (PGlite) in a folder, and makes it there first if there is none.
 * @throws an Error for a person, where another process has it open: two processes on one folder lose rows in silence.
 */
export async function openEmbedded(
  dataDir: string,
  options: DrizzleConfig<Schema>,
): Promise<{ db: Db; close(): Promise<void> }> {
  // Its files are readable by everyone, so the folder around them is not.
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(dataDir);
  try {
    const folder = join(dataDir, 'database');
    if (!existsSync(folder)) await initialise(folder);
    const client = await PGlite.create({ dataDir: folder });
    const close = async () => {
      await client.close();
      await unlock();
    };
    return { db: drizzle(client, options) as unknown as Db, close };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/**
 * Making a database needs 800 MB for some seconds: a short-lived process gives them back. Its folder appears whole or not at
 * all, and is made under a new name each time, since the program of a start that was killed may be writing for a moment yet.
 */
async function initialise(folder: string): Promise<void> {
  await removeDrafts(folder);
  const draft = await mkdtemp(`${folder}.new-`);
  const program = fileURLToPath(new URL(`./initialise-embedded${extname(import.meta.url)}`, import.meta.url));
  const [code] = await once(fork(program, [draft]), 'exit');
  if (code !== 0) throw new Error(`the embedded database could not be made in ${folder}`);
  await rename(draft, folder);
}

/** What earlier starts left half made. One that still grows is left to the next start. */
async function removeDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(dirname(folder))).filter((it) => it.startsWith(`${basename(folder)}.new`));
  for (const it of drafts) await rm(join(dirname(folder), it), { recursive: true, force: true }).catch(() => {});
}
