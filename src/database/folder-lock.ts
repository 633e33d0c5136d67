import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join, relative, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Takes a folder for this process alone, by listening on a socket in it. The system closes a socket with its process, so a
 * process that was killed leaves no lock behind, and a reused process id fools nobody.
 * @returns how to give it back.
 * @throws an Error for a person, where another process has it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const path = socketPath(folder);
  const taken = new Error(
    `another process is using ${resolve(folder)}: stop it, or set DATA_DIR to another folder, or DATABASE_URL to a Postgres that both can share`,
  );
  if ((await holderOf(path)) !== undefined) throw taken;
  const me = randomUUID();
  const server = await listen(path, me).catch(async () => {
    // A socket that nobody listens on was left by a process that is gone.
    await rm(path, { force: true });
    return listen(path, me);
  });
  // Two processes may have cleared a dead socket at once; the later one's stands.
  await pause(50);
  if ((await holderOf(path)) !== me) {
    server.close();
    throw taken;
  }
  server.unref();
  return () => new Promise((done) => server.close(() => done()));
}

/** Socket paths have about a hundred characters at most: take the shorter way to say it. */
function socketPath(folder: string): string {
  const absolute = resolve(folder, 'usher.lock');
  if (process.platform === 'win32') return join('\\\\.\\pipe', absolute.replaceAll(/[^\w.]/g, '-'));
  const fromHere = relative(process.cwd(), absolute);
  return fromHere.length < absolute.length ? fromHere : absolute;
}

function listen(path: string, name: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end(name));
  return new Promise((done, fail) => server.once('error', fail).listen(path, () => done(server)));
}

/** The name that the holder of a lock answers with; undefined where nobody listens. */
function holderOf(path: string): Promise<string | undefined> {
  return new Promise((done) => {
    let name = '';
    const socket = connect(path);
    socket.setTimeout(2_000, () => socket.destroy(new Error('silent')));
    socket.on('data', (bytes) => {
      name += bytes.toString();
    });
    socket.on('end', () => done(name));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(error.code ?? '');
      done(nobody ? undefined : name);
    });
  });
}
