import { sql } from 'drizzle-orm';
import { boolean, check, customType, text, timestamp } from 'drizzle-orm/pg-core';
import { type Id, type IdPrefix, idOf, uuidOf } from '../../ids/ids.ts';

/** An id: TypeID text in the code, a uuid in the database. */
export const id = <P extends IdPrefix>(prefix: P, name: string) =>
  customType<{ data: Id<P>; driverData: string }>({
    dataType: () => 'uuid',
    toDriver: (value) => uuidOf(prefix, value),
    fromDriver: (value) => idOf(prefix, value),
  })(name);

/** A condition in words and not in parameters, as checks and partial indexes need it. */
export const isOneOf = (column: string, words: readonly string[]) =>
  sql.raw(`${column} in (${words.map((it) => `'${it}'`).join(', ')})`);

export const time = (name: string) => timestamp(name, { withTimezone: true, precision: 3 });

/** What a membership or an invite gives, and until when: a flag that covers every permission, or single ones and roles side by side. Never both. */
export const access = () => ({
  allPermissions: boolean('all_permissions').notNull(),
  permissions: text('permissions').array().notNull(),
  roles: id('rol', 'roles').array().notNull().default(sql`'{}'`),
  /** When it ends by itself; none where it does not. */
  endsAt: time('ends_at'),
});
export const allOrChosen = (name: string) =>
  check(name, sql`not (all_permissions and cardinality(permissions) + cardinality(roles) > 0)`);

/** What is kept of a key for machines: never the key itself. */
export const keyColumns = () => ({
  name: text('name').notNull(),
  hash: text('hash').notNull(),
  scopes: text('scopes').array().notNull(),
  /**
   * The account or platform key that requested this key, and with which it ends; null if a person
   * did.
   */
  madeBy: id('key', 'made_by'),
  createdAt: time('created_at').notNull(),
  expiresAt: time('expires_at'),
  revokedAt: time('revoked_at'),
  lastUsedAt: time('last_used_at'),
  /** The key that takes its place. */
  replacedBy: id('key', 'replaced_by'),
});
