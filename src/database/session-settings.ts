import { sql } from 'drizzle-orm';
import type { Db } from './database.ts';
import { driverError } from './errors.ts';
import type { DatabaseTraits } from './statements.ts';
import { transaction } from './transaction.ts';

/** Milliseconds; 0 is no limit. */
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
  /** Whether another value is acceptable too, in the form that `pg_settings` has. */
  accepts?: (setting: string) => boolean;
}

/**
 * A database that the service can't work with until the operator changes its setup; the message
 * says how.
 */
export class DatabaseSetupError extends Error {}

/** SQLSTATE. */
const insufficientPrivilege = '42501';

const upTo = (most: number) => (setting: string) => most === 0 || (Number(setting) > 0 && Number(setting) <= most);

const timeout = (name: string, most: number): SessionSetting => ({ name, value: String(most), accepts: upTo(most) });

/** The settings of every session, on Postgres and on the embedded database. */
const everywhere: readonly SessionSetting[] = [
  { name: 'client_encoding', value: 'UTF8' },
  // The driver reads times in ISO form only: any other becomes null.
  { name: 'DateStyle', value: 'ISO', accepts: (it) => it.startsWith('ISO') },
  { name: 'TimeZone', value: 'UTC', accepts: (it) => /^(Etc\/)?(UTC|GMT|UCT)$/.test(it) },
  { name: 'standard_conforming_strings', value: 'on' },
  // Locks and optimistic writes rely on READ COMMITTED.
  { name: 'default_transaction_isolation', value: 'read committed' },
];

/**
 * Every session setting that the code relies on. Direct connections carry them as startup
 * parameters; behind a pooler that refuses or drops those, they are settings of the role
 * (`setForRole`). Each start verifies them.
 */
export const sessionSettings = (
  { statement, lock, idleInTransaction }: Timeouts,
  { isDistributed }: Pick<DatabaseTraits, 'isDistributed'>,
): SessionSetting[] => [
  ...everywhere,
  // Without generic plans, hot statements are planned again at each execution: half the throughput.
  // Citus can't make one for a statement that names an account.
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

/**
 * Sets them in the one session of the embedded database, which has no timeouts and keeps no plans.
 */
export async function setInSession(db: Db): Promise<void> {
  for (const { name, value } of everywhere) await db.execute(sql`select set_config(${name}, ${value}, false)`);
}

interface SessionFacts {
  settings: Record<string, { setting: string; source: string }>;
  role: string;
  database: string;
  /** The settings of the role in this database, as `name=value`. */
  ofRole: string[];
}

async function readSession(db: Db, names: string[]): Promise<SessionFacts> {
  const { rows } = (await db.execute(sql`
    select current_user as role, current_database() as database,
      (select json_object_agg(name, json_build_object('setting', setting, 'source', source)) from pg_settings where name in ${names}) as settings,
      coalesce((select to_json(s.setconfig) from pg_db_role_setting s
        join pg_roles r on r.oid = s.setrole join pg_database d on d.oid = s.setdatabase
        where r.rolname = current_user and d.datname = current_database()), '[]') as "ofRole"`)) as unknown as {
    rows: SessionFacts[];
  };
  return rows[0] as SessionFacts;
}

/** The settings that are wrong in a session. */
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

/** The names of the settings that the `options` of a database URL set, in lower case. */
function namesInOptions(url: string): Set<string> {
  const options = new URL(url).searchParams.get('options') ?? '';
  const names = [...options.matchAll(/(?:^|\s)(?:-c\s*|--)([\w-]+)=/g)].map(([, name = '']) => name);
  return new Set(names.map((it) => it.replaceAll('-', '_').toLowerCase()));
}

/**
 * @param url the database's, whose own `options` may set what is wrong.
 * @throws DatabaseSetupError that names the first setting that is wrong, and how to set all of
 * them.
 */
export async function requireSessionSettings(
  db: Db,
  url: string,
  timeouts: Timeouts,
  traits: Pick<DatabaseTraits, 'isDistributed'>,
): Promise<void> {
  const { wrong, role, database, ofRole } = await findWrongSettings(db, timeouts, traits);
  const inUrl = namesInOptions(url);
  // A pooler that drops `options` leaves another source. One that reads them sends SET to its
  // server.
  const byUrl = wrong.filter(
    ({ name, source }) => inUrl.has(name.toLowerCase()) && (source === 'client' || source === 'session'),
  );
  const [first, ...others] = byUrl.length > 0 ? byUrl : wrong;
  if (!first) return;
  const rest = others.length > 0 ? ` (also wrong: ${others.map((it) => it.name).join(', ')})` : '';
  const has = (it: SessionSetting) => ofRole.some((pair) => pair.toLowerCase().startsWith(`${it.name.toLowerCase()}=`));
  const fixOfPooler = wrong.every(has)
    ? `role "${role}" has it, but the pooler's connections to the server are older or it overrides it: run RECONNECT on the pooler's console, or restart it`
    : `run "npm run migrate" with this DATABASE_URL, which sets it for role "${role}" in database "${database}", and then RECONNECT on the pooler's console`;
  const fix = byUrl.length > 0 ? 'this value comes from "options" in DATABASE_URL; remove it there' : fixOfPooler;
  throw new DatabaseSetupError(
    `the database session has ${first.name} = '${first.found}' instead of '${first.value}'${rest}: ${fix}`,
  );
}

/**
 * Makes them settings of a role in this database. Open sessions keep their old settings.
 * @throws DatabaseSetupError that names the missing right, if the current role may not alter the
 * other one.
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
