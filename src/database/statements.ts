import { type Placeholder, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Db } from './database.ts';

/** Properties of a database that decide how statements are sent to it. */
export interface DatabaseTraits {
  /**
   * Whether statements are sent without a name, for poolers that don't support prepared statements.
   */
  isUnnamed: boolean;
  /**
   * Whether the tables are distributed by Citus, which refuses some statements about several
   * accounts.
   */
  isDistributed: boolean;
}

const traitsOf = new WeakMap<Db, DatabaseTraits>();

/**
 * Sets the traits of a database or a transaction. They may change until the first statement is
 * sent.
 */
export const setTraits = (db: Db, traits: DatabaseTraits) => void traitsOf.set(db, traits);

/**
 * Whether the tables are distributed by Citus: then a statement about several accounts must be sent
 * once for each account.
 */
export const isDistributed = (db: Db): boolean => traitsOf.get(db)?.isDistributed ?? false;

/** A query that has not been prepared yet. */
interface Preparable<Query> {
  prepare(name: string): Query;
}

/**
 * A query that is built once and kept as a prepared statement: once for a database, and inside
 * transactions once for each connection (on the embedded database, once for each transaction).
 * @param name unique in the service. If prepared statements are off, the statement is sent without
 * a name.
 */
export function prepared<Query>(name: string, build: (db: Db) => Preparable<Query>): (db: Db) => Query {
  return cachedFor((db) => build(db).prepare(traitsOf.get(db)?.isUnnamed ? '' : name));
}

/** Caches one value for each object, for as long as the object exists. */
export function cachedFor<Key extends object, Value>(create: (key: Key) => Value): (key: Key) => Value {
  const cache = new WeakMap<Key, Value>();
  return (key) => {
    const value = cache.get(key) ?? create(key);
    cache.set(key, value);
    return value;
  };
}

/**
 * Compares a column with a literal: with a parameter, a generic plan can't use a partial index
 * (`where status = 'pending'`).
 */
export const equalsLiteral = <Column extends PgColumn>(column: Column, value: Column['_']['data'] & string) =>
  sql`${column} = ${sql.raw(`'${value}'`)}`;

/**
 * A time as a literal, for a plan that depends on how many rows are older: a generic plan can't
 * estimate that.
 */
export const literalTime = (time: Date) => sql.raw(`'${time.toISOString()}'::timestamptz`);

/**
 * A limit as a literal: for a parameter, a generic plan assumes a tenth of the rows. Drizzle
 * accepts any SQL as a limit at run time, but its type allows only a number or a placeholder.
 */
export const literalLimit = (limit: number) => sql.raw(`${Math.trunc(limit)}`) as unknown as Placeholder;

/** A placeholder for a column value, in the column's encoding, or for null. */
export function placeholderFor(column: PgColumn, name: string) {
  const mapToDriverValue = (value: unknown) => (value === null ? null : column.mapToDriverValue(value));
  return sql.param(sql.placeholder(name), { mapToDriverValue });
}

/**
 * A placeholder for a list. The subquery hides its length from the planner, so that one plan suits
 * all lengths.
 */
export const listPlaceholder = (name: string, type: 'text' | 'uuid' | 'jsonb') =>
  sql`(select ${sql.placeholder(name)}::text[]::${sql.raw(type)}[])`;
