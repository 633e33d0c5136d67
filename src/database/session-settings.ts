import { sql } from 'drizzle-orm';
import type { Db } from './database.ts';
import { driverError } from './errors.ts';
import type { DatabaseTraits } from './statements.ts';
import { transaction } from './transaction.ts';

/** In milliseconds; 0 means no timeout. */
export interface Timeouts {
  connect: number;
  lock: number;
  statement: number;
  answer: number;
  idleInTransaction: number;
}

/** A setting of a session that the code relies on. */
interface SessionSetting {
  name: string;
  value: string;
  /** Whether a different value, as `pg_settings` shows it, is acceptable too. */
  accepts?: (setting: string) => boolean;
}

/**
 * The operator must change the setup of the database before the service can use it; the message
 * says how.
 */
export class DatabaseSetupError extends Error {}

/** SQLSTATE. */
const insufficientPrivilege = '42501';

const upTo = (max: number) => (setting: string) => max === 0 || (Number(setting) > 0 && Number(setting) <= max);

const timeout = (name: string, max: number): SessionSetting => ({ name, value: String(max), accepts: upTo(max) });

/** The settings of every session, on Postgres and on the embedded database. */
const commonSettings: readonly SessionSetting[] = [
  { name: 'client_encoding', value: 'UTF8' },
  // The driver reads times only in ISO format: any other format becomes null.
  { name: 'DateStyle', value: 'ISO', accepts: (it) => it.startsWith('ISO') },
  { name: 'TimeZone', value: 'UTC', accepts: (it) => /^(Etc\/)?(UTC|GMT|UCT)$/.test(it) },
  { name: 'standard_conforming_strings', value: 'on' },
  // Locks and optimistic writes rely on READ COMMITTED.
  { name: 'default_transaction_isolation', value: 'read committed' },
];

/**
 * Every session setting that the code relies on. Direct connections send them as startup
 * parameters. Behind a pooler that refuses or drops those, they must be settings of the role
 * (`setForRole`). Each start verifies them.
 */
export const sessionSettings = (
  { statement, lock, idleInTransaction }: Timeouts,
  { isDistributed }: Pick<DatabaseTraits, 'isDistributed'>,
): SessionSetting[] => [
  ...commonSettings,
  // Without generic plans, hot statements are planned at each execution, which halves the
  // throughput. Citus can't make a generic plan for a statement that names an account.
  { name: 'plan_cache_mode', value: isDistributed ? 'auto' : 'force_generic_plan' },
  timeout('statement_timeout', statement),
  timeout('lock_timeout', lock),
  timeout('idle_in_transaction_session_timeout', idleInTransaction),
];

/** The settings as the `options` of a startup packet. */
export const startupOptions = (timeouts: Timeouts, traits: Pick<DatabaseTraits, 'isDistributed'>): string =>
  sessionSettings(timeouts, traits)
    .map(({ name, value }) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
    .join(' ');

/** Sets the common settings in the only session of the embedded database. */
export async function setInSession(db: Db): Promise<void> {
  for (const { name, value } of commonSettings) await db.execute(sql`select set_config(${name}, ${value}, false)`);
}

interface SessionFacts {
  settings: Record<string, { setting: string; source: string }>;
  role: string;
  database: string;
  /** The settings of the role in this database, as `name=value`. */
  roleSettings: string[];
}

async function readSession(db: Db, names: string[]): Promise<SessionFacts> {
  const { rows } = (await db.execute(sql`
    select current_user as role, current_database() as database,
      (select json_object_agg(name, json_build_object('setting', setting, 'source', source)) from pg_settings where name in ${names}) as settings,
      coalesce((select to_json(s.setconfig) from pg_db_role_setting s
        join pg_roles r on r.oid = s.setrole join pg_database d on d.oid = s.setdatabase
        where r.rolname = current_user and d.datname = current_database()), '[]') as "roleSettings"`)) as unknown as {
    rows: SessionFacts[];
  };
  return rows[0] as SessionFacts;
}

/** The settings that have wrong values in a session. */
export async function findWrongSettings(db: Db, timeouts: Timeouts, traits: Pick<DatabaseTraits, 'isDistributed'>) {
  const required = sessionSettings(timeouts, traits);
  const facts = await readSession(
    db,
    required.map((it) => it.name),
  );
  const wrong = required
    .map((it) => ({ ...it, found: facts.settings[it.name]?.setting ?? '', source: facts.settings[it.name]?.source }))
    .filter(({ value, found, accepts }) => found !== value && !accepts?.(found));
  return { wrong, ...facts };
}

/** The names of the settings in the `options` of a database URL, in lower case. */
function namesInOptions(url: string): Set<string> {
  const options = new URL(url).searchParams.get('options') ?? '';
  const names = [...options.matchAll(/(?:^|\s)(?:-c\s*|--)([\w-]+)=/g)].map(([, name = '']) => name);
  return new Set(names.map((it) => it.replaceAll('-', '_').toLowerCase()));
}

/**
 * @param url the database URL, whose `options` may cause a wrong value.
 * @throws DatabaseSetupError that names the first wrong setting, and how to fix all of them.
 */
export async function requireSessionSettings(
  db: Db,
  url: string,
  timeouts: Timeouts,
  traits: Pick<DatabaseTraits, 'isDistributed'>,
): Promise<void> {
  const { wrong, role, database, roleSettings } = await findWrongSettings(db, timeouts, traits);
  const inUrl = namesInOptions(url);
  // With a pooler that drops `options`, the source differs. A pooler that reads them sends SET to
  // the server, which makes the source `session`.
  const byUrl = wrong.filter(
    ({ name, source }) => inUrl.has(name.toLowerCase()) && (source === 'client' || source === 'session'),
  );
  const [first, ...others] = byUrl.length > 0 ? byUrl : wrong;
  if (!first) return;
  const rest = others.length > 0 ? ` (also wrong: ${others.map((it) => it.name).join(', ')})` : '';
  const isInRole = (it: SessionSetting) =>
    roleSettings.some((pair) => pair.toLowerCase().startsWith(`${it.name.toLowerCase()}=`));
  const poolerFix = wrong.every(isInRole)
    ? `role "${role}" has it, but the pooler's connections to the server are older or it overrides it: run RECONNECT on the pooler's console, or restart it`
    : `run "npm run migrate" with this DATABASE_URL, which sets it for role "${role}" in database "${database}", and then RECONNECT on the pooler's console`;
  const fix = byUrl.length > 0 ? 'this value comes from "options" in DATABASE_URL; remove it there' : poolerFix;
  throw new DatabaseSetupError(
    `the database session has ${first.name} = '${first.found}' instead of '${first.value}'${rest}: ${fix}`,
  );
}

/**
 * Stores the settings in a role, for this database. Open sessions keep their old settings.
 * @throws DatabaseSetupError that names the missing privilege if the current role may not alter
 * the role.
 */
export async function setForRole(
  db: Db,
  role: string,
  timeouts: Timeouts,
  traits: Pick<DatabaseTraits, 'isDistributed'>,
): Promise<void> {
  const { database, role: current } = await readSession(db, ['DateStyle']);
  const setAll = transaction(db, async (tx) => {
    for (const { name, value } of sessionSettings(timeouts, traits)) {
      const [to, of] = [sql.identifier(role), sql.identifier(database)];
      await tx.execute(sql`alter role ${to} in database ${of} set ${sql.identifier(name)} = ${sql.raw(`'${value}'`)}`);
    }
  });
  await setAll.catch((error: unknown) => {
    const { code, message } = driverError(error);
    if (code !== insufficientPrivilege) throw error;
    throw new DatabaseSetupError(
      `role "${current}" can't set the session settings of role "${role}" (${message}): run this command as a superuser, or as a role with CREATEROLE and the admin option on "${role}"`,
    );
  });
}
