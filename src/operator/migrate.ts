/** A program of its own, for operators: `npm run migrate` brings the database to this release, as each start does. */
import { openDatabase } from '../database/database.ts';
import { migrate } from '../database/migrate.ts';
import { fail, reasonOf, settingsOrFail } from './program.ts';

const config = settingsOrFail();
if (config) {
  try {
    const { patiently, close } = await openDatabase(config.database);
    const applied = await patiently(migrate).finally(close);
    process.stdout.write(applied === 0 ? 'Nothing was missing.\n' : `Applied ${applied}.\n`);
  } catch (error) {
    fail(`${reasonOf(error)}\n`);
  }
}
