import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Takes a folder for this process alone, by listening on a socket in it. The system closes a socket with its process, so a
 * process that was killed leaves no lock behind, and a reused process id fools nobody.
 * @returns how to give it back.
 * @throws an Error for a person, where another process has it.
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const { path, forget } = await socketPath(folder);
  try {
    const server = await takeSocket(path);
    if (server) return () => new Promise((done) => server.close(() => done()));
  } finally {
    await forget();
  }
  throw new Error(
    `another process is using ${resolve(folder)}: stop it, or set DATA_DIR to another folder, or DATABASE_URL to a Postgres that both can share`,
  );
}

/** @returns undefined where another process has it. */
async function takeSocket(path: string): Promise<Server | undefined> {
  if ((await holderOf(path)) !== undefined) return undefined;
  const me = randomUUID();
  const server = await listen(path, me).catch(async () => {
    // A socket that nobody listens on was left by a process that is gone.
    if ((await holderOf(path)) === undefined) await rm(path, { force: true });
    return listen(path, me).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EADDRINUSE') throw error;
      return undefined;
    });
  });
  // Two processes may have cleared a dead socket at once; the later one's stands.
  await pause(50);
  if (server && (await holderOf(path)) === me) return server.unref();
  server?.close();
  return undefined;
}

/** Bytes that the path of a socket may have, on any system. */
const longestPath = 100;

/** A path of the socket that is short enough: a folder too deep for one is reached through a link, forgotten after use. */
async function socketPath(folder: string): Promise<{ path: string; forget(): Promise<void> }> {
  const absolute = resolve(folder, 'usher.lock');
  const forget = async () => {};
  if (process.platform === 'win32') {
    return { path: join('\\\\.\\pipe', absolute.replaceAll(/[^\w.]/g, '-')), forget };
  }
  const path = [absolute, relative(process.cwd(), absolute)].find((it) => Buffer.byteLength(it) <= longestPath);
  if (path !== undefined) return { path, forget };
  const short = await mkdtemp(join(tmpdir(), 'usher-'));
  await symlink(resolve(folder), join(short, 'to'));
  return { path: join(short, 'to', 'usher.lock'), forget: () => rm(short, { recursive: true, force: true }) };
}

function listen(path: string, name: string): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => {}).end(name));
  return new Promise((done, fail) => server.once('error', fail).listen(path, () => done(server)));
}

/** The name that the holder of a lock answers with; undefined where nobody listens. */
function holderOf(path: string): Promise<string | undefined> {
  return new Promise((done, fail) => {
    let name = '';
    const socket = connect(path);
    socket.setTimeout(2_000, () => socket.destroy(new Error('silent')));
    socket.on('data', (bytes) => {
      name += bytes.toString();
    });
    socket.on('end', () => done(name));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const nobody = ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(error.code ?? '');
      if (['EINVAL', 'ENAMETOOLONG'].includes(error.code ?? '')) fail(error);
      else done(nobody ? undefined : name);
    });
  });
}
