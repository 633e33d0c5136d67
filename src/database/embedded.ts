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
 * Opens the embedded database (PGlite) in a folder, and creates it first if there is none.
 * @throws an Error with a message for the operator if another process has it open: two processes
 * in one folder would silently lose rows.
 */
export async function openEmbedded(
  dataDir: string,
  options: DrizzleConfig<Schema>,
): Promise<{ db: Db; close(): Promise<void> }> {
  // PGlite's files are readable by every user, so the folder must not be.
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
 * Creates a database in a child process: it takes 800 MB for some seconds, which the system gets
 * back when the process exits. The folder appears complete or not at all. Each attempt uses a new
 * temporary name, since the child process of a killed attempt may still be writing.
 */
async function initialise(folder: string): Promise<void> {
  await removeDrafts(folder);
  const draft = await mkdtemp(`${folder}.new-`);
  const program = fileURLToPath(new URL(`./initialise-embedded${extname(import.meta.url)}`, import.meta.url));
  const [code] = await once(fork(program, [draft]), 'exit');
  if (code !== 0) throw new Error(`the embedded database could not be created in ${folder}`);
  await rename(draft, folder);
}

/**
 * Removes unfinished databases of earlier starts. Those still being written are left for the next
 * start.
 */
async function removeDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(dirname(folder))).filter((it) => it.startsWith(`${basename(folder)}.new`));
  for (const it of drafts) await rm(join(dirname(folder), it), { recursive: true, force: true }).catch(() => {});
}
