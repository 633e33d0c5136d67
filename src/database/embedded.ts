import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { lockFolder } from './folder-lock.ts';

/**
 * Opens the embedded database (PGlite) in a folder, and makes it there first if there is none.
 * @throws an Error for a person, where another process has it open: two processes on one folder lose rows in silence.
 */
export async function openEmbedded(dataDir: string): Promise<{ client: PGlite; close(): Promise<void> }> {
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
    return { client, close };
  } catch (error) {
    await unlock();
    throw error;
  }
}

/** Making a database needs 800 MB for some seconds: a short-lived process gives them back. Its folder appears whole or not at all. */
async function initialise(folder: string): Promise<void> {
  const draft = `${folder}.new`;
  await rm(draft, { recursive: true, force: true });
  const program = fileURLToPath(new URL(`./initialise-embedded${extname(import.meta.url)}`, import.meta.url));
  const [code] = await once(fork(program, [draft]), 'exit');
  if (code !== 0) throw new Error(`the embedded database could not be made in ${folder}`);
  await rename(draft, folder);
}
