import { type Config, readConfig } from '../config/config.ts';
import { type Db, openDatabase } from '../database/database.ts';
import { driverError } from '../database/errors.ts';
import { Problem } from '../problems/problem.ts';

/** What a program for operators works with: what the service has, and the time at which it was started. */
export interface Operation {
  db: Db;
  config: Config;
  now: Date;
}

/**
 * Does something on the service's database, by the service's settings, and prints what comes of it as JSON. Whatever goes wrong
 * is said on standard error, and ends the program with 1.
 */
export async function onDatabase(work: (operation: Operation) => Promise<unknown>): Promise<void> {
  const config = settingsOrFail();
  if (!config) return;
  try {
    const { db, verify, close } = await openDatabase(config.database);
    const result = await verify()
      .then(() => work({ db, config, now: new Date() }))
      .finally(close);
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  } catch (error) {
    fail(`${reasonOf(error)}\n`);
  }
}

/** The settings; undefined where there are mistakes in them, which are said, and end the program with 1. */
export function settingsOrFail(): Config | undefined {
  const read = readConfig(process.env);
  if ('config' in read) return read.config;
  fail(`${read.mistakes.join('\n')}\n`);
  return undefined;
}

/** The driver's own words, without the statement and its parameters that wrap them. */
export function reasonOf(error: unknown): string {
  return error instanceof Problem ? error.message : String(driverError(error).message ?? error);
}

/** Ends the program, once it has nothing left to do: with 2 where it was not called as it should be. */
export function fail(message: string, code = 1): undefined {
  process.stderr.write(message);
  process.exitCode = code;
}

/** A number of an option that limits a list; undefined where it is none from 1 to 1000. */
export const limitOf = (text: string): number | undefined =>
  /^[1-9]\d{0,3}$/.test(text) && Number(text) <= 1000 ? Number(text) : undefined;
