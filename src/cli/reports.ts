/** A program of its own, for operators: `npm run reports`. */
import { parseArgs } from 'node:util';
import { reportsAt } from '../invites/refusals/reports.ts';
import { fail, limitOf, onDatabase } from './program.ts';

const usage = `Usage: npm run reports -- [--limit=<number>]

Prints the invites that were reported, newest first, and who vouched for most of them in the last
30 days: up to <number> of each, 50 unless said, and 1000 at most. It takes the settings of the
service, which may run meanwhile, unless it is on the embedded database.
`;

const limit = limitIn(process.argv.slice(2));
if (limit === undefined) fail(usage, 2);
else await onDatabase(({ db, now }) => reportsAt(db, now, limit));

function limitIn(args: string[]): number | undefined {
  try {
    return limitOf(parseArgs({ args, options: { limit: { type: 'string', default: '50' } } }).values.limit);
  } catch {
    return undefined;
  }
}
