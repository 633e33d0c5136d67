import { type Placeholder, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Db } from './database.ts';

/** Properties of a database that decide how statements are sent to it. */
export interface DatabaseTraits {
  /** Whether statements are sent without a name, for poolers that do not keep prepared ones. */
  isUnnamed: boolean;
  /**
   * Whether the tables are distributed by Citus, which refuses some statements about several
   * accounts.
   */
  isDistributed: boolean;
}

const traitsOf = new WeakMap<Db, DatabaseTraits>();

/**
 * Gives a database, or a transaction of it, its traits. They may change until the first statement
 * is sent.
 */
export const setTraits = (db: Db, traits: DatabaseTraits) => void traitsOf.set(db, traits);

/**
 * The traits of a database or a transaction; undefined for the embedded database, which has none of
 * them.
 */
export const findTraits = (db: Db): DatabaseTraits | undefined => traitsOf.get(db);

/**
 * Whether the tables are distributed by Citus: then a statement about several accounts is sent for
 * each of them.
 */
export const isDistributed = (db: Db): boolean => traitsOf.get(db)?.isDistributed ?? false;

/** A query that has not been prepared yet. */
interface Preparable<Query> {
  prepare(name: string): Query;
}

/**
 * A query that is built once for a database and kept there as a prepared statement; inside a
 * transaction once for its connection, on the embedded database again for each transaction.
 * @param name unique in the service. Where prepared statements are off, the statement is sent
 * without it.
 */
export function prepared<Query>(name: string, build: (db: Db) => Preparable<Query>): (db: Db) => Query {
  return onceFor((db) => build(db).prepare(findTraits(db)?.isUnnamed ? '' : name));
}

/** Caches one value for each object, as long as the object exists. */
export function onceFor<Thing extends object, Made>(make: (thing: Thing) => Made): (thing: Thing) => Made {
  const kept = new WeakMap<Thing, Made>();
  return (thing) => {
    const known = kept.get(thing) ?? make(thing);
    kept.set(thing, known);
    return known;
  };
}

/**
 * Compares with a literal: a generic plan can't use a partial index (`where status = 'pending'`)
 * for a parameter.
 */
export const equalsLiteral = <Column extends PgColumn>(column: Column, word: Column['_']['data'] & string) =>
  sql`${column} = ${sql.raw(`'${word}'`)}`;

/**
 * A time as a literal, for a plan that depends on how many rows are before it: a generic plan can't
 * know that.
 */
export const literalTime = (time: Date) => sql.raw(`'${time.toISOString()}'::timestamptz`);

/**
 * A limit as a literal: a generic plan estimates a parameter as a tenth of the rows. Drizzle accepts
 * any SQL as a limit at run time, but its type allows only a number or a placeholder.
 */
export const literalLimit = (limit: number) => sql.raw(`${Math.trunc(limit)}`) as unknown as Placeholder;

/** A placeholder for a value of a column, encoded as the column encodes it, or for null. */
export function placeholderFor(column: PgColumn, name: string) {
  const mapToDriverValue = (value: unknown) => (value === null ? null : column.mapToDriverValue(value));
  return sql.param(sql.placeholder(name), { mapToDriverValue });
}

/**
 * A placeholder for a list. In a subquery its length is hidden from the planner, so that one plan
 * suits all lengths.
 */
export const listPlaceholder = (name: string, type: 'text' | 'uuid' | 'jsonb') =>
  sql`(select ${sql.placeholder(name)}::text[]::${sql.raw(type)}[])`;
