/** A program of its own, for operators: `npm run migrate` brings the database to this release, as each start does. */
import { parseArgs } from 'node:util';
import { openDatabase } from '../database/database.ts';
import { grantTables } from '../database/grants.ts';
import { migrate } from '../database/migrate.ts';
import { fail, reasonOf, settingsOrFail } from './program.ts';

const usage = `Usage: npm run migrate -- [--role=<role>]

Brings the database to this release. Where a pooler keeps sessions from taking their settings at
startup, it makes them settings of the current role in this database.

  --role  the role that the service runs as, where it is another one: it is granted what it needs on
          the tables, and gets the settings. Takes a role that may change that one.
`;

const read = roleIn(process.argv.slice(2));
const config = read ? settingsOrFail() : fail(usage, 2);
if (read && config) {
  try {
    const { db, reach, setUpRole, patiently, close } = await openDatabase(config.database);
    const work = async () => {
      await reach();
      const applied = await patiently(migrate);
      process.stdout.write(applied === 0 ? 'Nothing was missing.\n' : `Applied ${applied}.\n`);
      if (read.role !== undefined && config.database.kind === 'postgres') await grantTables(db, read.role);
      if ((await setUpRole(read.role)) === 'set') {
        process.stdout.write(
          'The session settings are set for the role: a pooler gives them to new connections (RECONNECT).\n',
        );
      }
    };
    await work().finally(close);
  } catch (error) {
    fail(`${reasonOf(error)}\n`);
  }
}

function roleIn(args: string[]): { role: string | undefined } | undefined {
  try {
    return { role: parseArgs({ args, options: { role: { type: 'string' } } }).values.role };
  } catch {
    return undefined;
  }
}
