/** Program: `npm run reports` lists reported invites. */
import { parseArgs } from 'node:util';
import { reportsAt } from '../invites/refusals/reports.ts';
import { fail, onDatabase, parseLimit } from './program.ts';

const usage = `Usage: npm run reports -- [--limit=<number>]

Prints the reported invites, newest first, and the inviters with the most reports in the last 30
days: at most <number> of each (default: 50, maximum: 1000). Run this with the settings of the
service. The service may be running, unless it uses the embedded database.
`;

const limit = readLimit(process.argv.slice(2));
if (limit === undefined) fail(usage, 2);
else await onDatabase(({ db, now }) => reportsAt(db, now, limit));

function readLimit(args: string[]): number | undefined {
  try {
    return parseLimit(parseArgs({ args, options: { limit: { type: 'string', default: '50' } } }).values.limit);
  } catch {
    return undefined;
  }
}
