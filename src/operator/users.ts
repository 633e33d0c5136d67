/** A program of its own, for operators: `npm run users -- <command> <user>`. */
import Fastify from 'fastify';
import type { Audit } from '../audit.ts';
import { readConfig } from '../config.ts';
import { openDatabase } from '../database/database.ts';
import { driverError } from '../database/errors.ts';
import { loggerOptions } from '../http/logging.ts';
import { Problem } from '../problems.ts';
import {
  disableUser,
  enableUser,
  endSessionsOf,
  linkIdentityOf,
  type Operating,
  requireUserNamed,
} from '../users/operate.ts';
import type { UserRow } from '../users/store.ts';

const usage = `Usage: npm run users -- <command> <user>

  show <user>                     says who they are
  disable <user>                  keeps them out, and ends every session of theirs
  enable <user>                   lets them in again
  end-sessions <user>             logs them out everywhere
  link <user> <issuer> <subject>  lets them log in at an identity provider

<user> is an address or an id (usr_…). It takes the settings of the service, which may run
meanwhile, unless it is on the embedded database.
`;

type Command = (it: Operating, user: UserRow, more: string[]) => Promise<void>;

/** What each command does, and how many words it takes after the user. */
const commands: Record<string, { words: number; run: Command }> = {
  show: { words: 0, run: async () => {} },
  disable: { words: 0, run: disableUser },
  enable: { words: 0, run: enableUser },
  'end-sessions': { words: 0, run: endSessionsOf },
  link: { words: 2, run: (it, user, [issuer = '', subject = '']) => linkIdentityOf(it, user, issuer, subject) },
};

const [name = '', who = '', ...more] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (!command || who === '' || more.length !== command.words) fail(usage, 2);
else await operate(command.run).catch((error: unknown) => fail(`${reasonOf(error)}\n`));

async function operate(run: Command): Promise<void> {
  const read = readConfig(process.env);
  if ('mistakes' in read) throw new Error(read.mistakes.join('\n'));
  const { db, close } = await openDatabase(read.config.database);
  try {
    await run({ db, now: new Date(), audit: auditLine() }, await requireUserNamed(db, who), more);
    const { passwordHash, ...user } = await requireUserNamed(db, who);
    process.stdout.write(`${JSON.stringify({ ...user, hasPassword: passwordHash !== null }, null, 2)}\n`);
  } finally {
    await close();
  }
}

/** The same line as the service writes, on standard error: standard output is what was asked for. */
function auditLine(): Audit {
  const { log } = Fastify({ logger: { ...loggerOptions('info'), stream: process.stderr } });
  return (event, details) => log.info({ event, outcome: 'success', ...details }, 'security');
}

function reasonOf(error: unknown): string {
  return error instanceof Problem ? error.message : String(driverError(error).message ?? error);
}

function fail(message: string, code = 1): void {
  process.stderr.write(message);
  process.exitCode = code;
}
