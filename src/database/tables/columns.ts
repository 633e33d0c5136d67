import { sql } from 'drizzle-orm';
import { boolean, check, customType, text, timestamp } from 'drizzle-orm/pg-core';
import { type Id, type IdPrefix, idOf, uuidOf } from '../../ids/ids.ts';

/** An id: a TypeID in the code, a uuid in the database. */
export const id = <P extends IdPrefix>(prefix: P, name: string) =>
  customType<{ data: Id<P>; driverData: string }>({
    dataType: () => 'uuid',
    toDriver: (value) => uuidOf(prefix, value),
    fromDriver: (value) => idOf(prefix, value),
  })(name);

/**
 * A condition with literals instead of parameters, as check constraints and partial indexes need
 * it.
 */
export const isOneOf = (column: string, values: readonly string[]) =>
  sql.raw(`${column} in (${values.map((it) => `'${it}'`).join(', ')})`);

export const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/**
 * The access of a membership or an invite, and until when: either all permissions, or permissions
 * and roles.
 */
export const access = () => ({
  allPermissions: boolean('all_permissions').notNull(),
  permissions: text('permissions').array().notNull(),
  roles: id('rol', 'roles').array().notNull().default(sql`'{}'`),
  /** When the access ends; null: never. */
  endsAt: time('ends_at'),
});
export const allOrChosen = (name: string) =>
  check(name, sql`not (all_permissions and cardinality(permissions) + cardinality(roles) > 0)`);

/** The columns of an API key. The secret is stored only as a hash. */
export const keyColumns = () => ({
  name: text('name').notNull(),
  hash: text('hash').notNull(),
  scopes: text('scopes').array().notNull(),
  /**
   * The API key that created this one, and whose revocation ends it; null if a person created it.
   */
  madeBy: id('key', 'made_by'),
  createdAt: time('created_at').notNull(),
  expiresAt: time('expires_at'),
  revokedAt: time('revoked_at'),
  lastUsedAt: time('last_used_at'),
  /** The key that replaces it. */
  replacedBy: id('key', 'replaced_by'),
});
