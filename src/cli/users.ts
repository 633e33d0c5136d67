/** Program: `npm run users -- <command> <user>` shows, disables and enables users. */
import Fastify from 'fastify';
import { loggerOptions } from '../http/logging.ts';
import {
  disableUser,
  enableUser,
  endSessionsOfUser,
  linkIdentityOfUser,
  requireUserByName,
  type UserOperation,
} from '../platform/operate-users.ts';
import type { LogSecurityEvent } from '../telemetry/security-events.ts';
import type { UserRow } from '../users/store.ts';
import { fail, onDatabase } from './program.ts';

const usage = `Usage: npm run users -- <command> <user>

  show <user>                     shows the user
  disable <user>                  disables the user and ends all their sessions
  enable <user>                   enables the user again
  end-sessions <user>             logs the user out everywhere
  link <user> <issuer> <subject>  links a login at an identity provider to the user

<user> is an e-mail address or an id (usr_…). Run this with the settings of the service. The service
may be running, unless it uses the embedded database.
`;

type Command = (it: UserOperation, user: UserRow, args: string[]) => Promise<void>;

/** What each command does, and how many arguments it takes after the user. */
const commands: Record<string, { args: number; run: Command }> = {
  show: { args: 0, run: async () => {} },
  disable: { args: 0, run: disableUser },
  enable: { args: 0, run: enableUser },
  'end-sessions': { args: 0, run: endSessionsOfUser },
  link: { args: 2, run: (it, user, [issuer = '', subject = '']) => linkIdentityOfUser(it, user, issuer, subject) },
};

const [name = '', userName = '', ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (!command || userName === '' || args.length !== command.args) fail(usage, 2);
else {
  await onDatabase(async ({ db, now }) => {
    await command.run({ db, now, logSecurityEvent: stderrSecurityLog() }, await requireUserByName(db, userName), args);
    const { passwordHash, ...user } = await requireUserByName(db, userName);
    return { ...user, hasPassword: passwordHash !== null };
  });
}

/** Logs to standard error, in the format of the service: standard output has the result. */
function stderrSecurityLog(): LogSecurityEvent {
  const { log } = Fastify({ logger: { ...loggerOptions('info'), stream: process.stderr } });
  return (event, details) => log.info({ event, outcome: 'success', ...details }, 'security');
}
