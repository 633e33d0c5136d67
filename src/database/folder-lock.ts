import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Locks a folder for this process, by listening on a socket in it. The system closes the socket
 * when the process ends, so a killed process leaves no lock behind. (A file with a process id would
 * fail when the id is reused.)
 * @returns a function that unlocks it.
 * @throws an Error with a message for the operator if another process has locked it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const { path, removeLink } = await socketPath(folder);
  try {
    const server = await tryListen(path);
    if (server) return () => new Promise((done) => server.close(() => done()));
  } finally {
    await removeLink();
  }
  throw new Error(
    `another process is using ${resolve(folder)}: stop it, or set DATA_DIR to another folder, or DATABASE_URL to a Postgres that both can share`,
  );
}

/** @returns undefined if another process has locked the folder. */
async function tryListen(path: string): Promise<Server | undefined> {
  if ((await readOwner(path)) !== undefined) return undefined;
  const me = randomUUID();
  const server = await listen(path, me).catch(async () => {
    // A socket without a listener was left behind by a process that ended.
    if ((await readOwner(path)) === undefined) await rm(path, { force: true });
    return listen(path, me).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error;
      return undefined;
    });
  });
  // If two processes removed a dead socket at once, only the later process listens on this path.
  await pause(50);
  if (server && (await readOwner(path)) === me) return server.unref();
  server?.close();
  return undefined;
}

/** The length of a socket path in bytes that every system supports. */
const maxPathLength = 100;

/**
 * A short enough path to the socket. If the folder's own path is too long, it goes through a
 * temporary symbolic link.
 */
async function socketPath(folder: string): Promise<{ path: string; removeLink(): Promise<void> }> {
  const absolute = resolve(folder, 'usher.lock');
  const removeLink = async () => {};
  if (process.platform === 'win32') {
    return { path: join('\\\\.\\pipe', absolute.replaceAll(/[^\w.]/g, '-')), removeLink };
  }
  const path = [absolute, relative(process.cwd(), absolute)].find((it) => Buffer.byteLength(it) <= maxPathLength);
  if (path !== undefined) return { path, removeLink };
  const short = await mkdtemp(join(tmpdir(), 'usher-'));
  await symlink(resolve(folder), join(short, 'to'));
  return { path: join(short, 'to', 'usher.lock'), removeLink: () => rm(short, { recursive: true, force: true }) };
}

function listen(path: string, name: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end(name));
  return new Promise((done, fail) => server.once('error', fail).listen(path, () => done(server)));
}

/** The name that the process with the lock answers with; undefined if no process listens. */
function readOwner(path: string): Promise<string | undefined> {
  return new Promise((done, fail) => {
    let name = '';
    const socket = connect(path);
    socket.setTimeout(2_000, () => socket.destroy(new Error('silent')));
    socket.on('data', (bytes) => {
      name += bytes.toString();
    });
    socket.on('end', () => done(name));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const isUnused = ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(error.code ?? '');
      if (['EINVAL', 'ENAMETOOLONG'].includes(error.code ?? '')) fail(error);
      else done(isUnused ? undefined : name);
    });
  });
}
