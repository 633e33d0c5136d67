/** Program: `npm run migrate` applies the missing migrations, as each start does. */
import { parseArgs } from 'node:util';
import { openDatabase } from '../database/database.ts';
import { migrate } from '../database/migrate.ts';
import { grantTables } from '../database/table-privileges.ts';
import { configOrFail, fail, messageOf } from './program.ts';

const usage = `Usage: npm run migrate -- [--role=<role>]

Applies the missing migrations. If a pooler refuses session settings at startup, this also stores
them in the current role, for this database.

  --role  the role of the service, if it is not the role in DATABASE_URL: grants it the necessary
          privileges on the tables, and stores the session settings in it. The role in DATABASE_URL
          must be allowed to alter it.
`;

const options = readOptions(process.argv.slice(2));
const config = options ? configOrFail() : fail(usage, 2);
if (options && config) {
  try {
    const { db, reach, setUpRole, withoutTimeouts, close } = await openDatabase(config.database);
    const work = async () => {
      await reach();
      const applied = await withoutTimeouts(migrate);
      process.stdout.write(applied === 0 ? 'The database is up to date.\n' : `Applied migrations: ${applied}.\n`);
      if (options.role !== undefined && config.database.kind === 'postgres') await grantTables(db, options.role);
      if ((await setUpRole(options.role)) === 'set') {
        process.stdout.write(
          'The session settings are now stored in the role. They apply to new connections: run RECONNECT on the pooler console.\n',
        );
      }
    };
    await work().finally(close);
  } catch (error) {
    fail(`${messageOf(error)}\n`);
  }
}

function readOptions(args: string[]): { role: string | undefined } | undefined {
  try {
    return { role: parseArgs({ args, options: { role: { type: 'string' } } }).values.role };
  } catch {
    return undefined;
  }
}
