import { type Config, readConfig } from '../config/config.ts';
import { type Db, openDatabase } from '../database/database.ts';
import { driverError } from '../database/errors.ts';
import { Problem } from '../problems/problem.ts';

/** What the programs for operators work with. `now` is the time of their start. */
export interface OperatorContext {
  db: Db;
  config: Config;
  now: Date;
}

/**
 * Runs work on the service's database, with the service's settings, and prints the result as JSON.
 * On an error, prints it to standard error and sets exit code 1.
 */
export async function onDatabase(work: (context: OperatorContext) => Promise<unknown>): Promise<void> {
  const config = configOrFail();
  if (!config) return;
  try {
    const { db, verify, close } = await openDatabase(config.database);
    const result = await verify()
      .then(() => work({ db, config, now: new Date() }))
      .finally(close);
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } catch (error) {
    fail(`${messageOf(error)}\n`);
  }
}

/**
 * Reads the settings. If they have mistakes, prints those, sets exit code 1 and returns undefined.
 */
export function configOrFail(): Config | undefined {
  const read = readConfig(process.env);
  if ('config' in read) return read.config;
  fail(`${read.mistakes.join('\n')}\n`);
  return undefined;
}

/**
 * The message of an error; for database errors the driver's own, without the statement and its
 * parameters.
 */
export function messageOf(error: unknown): string {
  return error instanceof Problem ? error.message : String(driverError(error).message ?? error);
}

/** Prints a message to standard error and sets the exit code: 2 for usage errors. */
export function fail(message: string, code = 1): undefined {
  process.stderr.write(message);
  process.exitCode = code;
}

/** The value of `--limit`; undefined if it is not a number from 1 to 1000. */
export const parseLimit = (text: string): number | undefined =>
  /^[1-9]\d{0,3}$/.test(text) && Number(text) <= 1000 ? Number(text) : undefined;
