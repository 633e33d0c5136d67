/** A program of its own, for operators: `npm run users -- <command> <user>`. */
import Fastify from 'fastify';
import { loggerOptions } from '../http/logging.ts';
import {
  disableUser,
  enableUser,
  endSessionsOf,
  linkIdentityOf,
  type Operating,
  requireUserNamed,
} from '../platform/operate-users.ts';
import type { LogSecurityEvent } from '../telemetry/security-events.ts';
import type { UserRow } from '../users/store.ts';
import { fail, onDatabase } from './program.ts';

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
else {
  await onDatabase(async ({ db, now }) => {
    await command.run({ db, now, logSecurityEvent: auditLine() }, await requireUserNamed(db, who), more);
    const { passwordHash, ...user } = await requireUserNamed(db, who);
    return { ...user, hasPassword: passwordHash !== null };
  });
}

/** The same line as the service writes, on standard error: standard output is what was asked for. */
function auditLine(): LogSecurityEvent {
  const { log } = Fastify({ logger: { ...loggerOptions('info'), stream: process.stderr } });
  return (event, details) => log.info({ event, outcome: 'success', ...details }, 'security');
}
