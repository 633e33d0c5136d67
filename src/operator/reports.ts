/** A program of its own, for operators: `npm run reports`. */
import { parseArgs } from 'node:util';
import { readConfig } from '../config.ts';
import { openDatabase } from '../database/database.ts';
import { driverError } from '../database/errors.ts';
import { reportsAt } from '../invites/reports.ts';

const usage = `Usage: npm run reports -- [--limit=<number>]

Prints the invites that were reported, newest first, and who vouched for most of them in the last
30 days: up to <number> of each, 50 unless said, and 1000 at most. It takes the settings of the
service, which may run meanwhile, unless it is on the embedded database.
`;

const limit = limitIn(process.argv.slice(2));
if (limit === undefined) fail(usage, 2);
else await print(limit).catch((error: unknown) => fail(`${driverError(error).message ?? error}\n`));

function limitIn(args: string[]): number | undefined {
  try {
    const { limit } = parseArgs({ args, options: { limit: { type: 'string', default: '50' } } }).values;
    return /^[1-9]\d{0,3}$/.test(limit) && Number(limit) <= 1000 ? Number(limit) : undefined;
  } catch {
    return undefined;
  }
}

async function print(limit: number): Promise<void> {
  const read = readConfig(process.env);
  if ('mistakes' in read) throw new Error(read.mistakes.join('\n'));
  const { db, close } = await openDatabase(read.config.database);
  try {
    process.stdout.write(`${JSON.stringify(await reportsAt(db, new Date(), limit), null, 2)}\n`);
  } finally {
    await close();
  }
}

function fail(message: string, code = 1): void {
  process.stderr.write(message);
  process.exitCode = code;
}
