/** A program of its own, for operators: `npm run migrate` brings the database to this release, as each start does. */
import { parseArgs } from 'node:util';
import { openDatabase } from '../database/database.ts';
import { migrate } from '../database/migrate.ts';
import { grantTables } from '../database/table-privileges.ts';
import { fail, reasonOf, settingsOrFail } from './program.ts';

const usage = `Usage: npm run migrate -- [--role=<role>]

Brings the database to this release. If a pooler keeps sessions from getting their settings at
startup, it makes them settings of the current role in this database.

  --role  the role that the service runs as, if it is a different one: grants it what it needs on
          the tables, and stores the session settings with it. The current role must be allowed
          to alter it.
`;

const read = roleIn(process.argv.slice(2));
const config = read ? settingsOrFail() : fail(usage, 2);
if (read && config) {
  try {
    const { db, reach, setUpRole, withoutTimeouts, close } = await openDatabase(config.database);
    const work = async () => {
      await reach();
      const applied = await withoutTimeouts(migrate);
      process.stdout.write(applied === 0 ? 'Nothing was missing.\n' : `Applied ${applied}.\n`);
      if (read.role !== undefined && config.database.kind === 'postgres') await grantTables(db, read.role);
      if ((await setUpRole(read.role)) === 'set') {
        process.stdout.write(
          'The session settings are now settings of the role. They apply to new connections: run RECONNECT on the pooler console.\n',
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
