// Tables of an account: roles, grants, resources and account keys. `account_id` comes first in
// every key.

import { sql } from 'drizzle-orm';
import { check, foreignKey, index, jsonb, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';
import { accounts, memberships } from './accounts.ts';
import { id, keyColumns, time } from './columns.ts';
import type { Condition } from './json-columns.ts';

/**
 * The roles of an account. Memberships and invites list their ids; a deleted role grants nothing.
 */
export const roles = pgTable(
  'roles',
  {
    accountId: id('acc', 'account_id')
      .notNull()
      .references(() => accounts.id),
    id: id('rol', 'id').notNull(),
    name: text('name').notNull(),
    description: text('description').notNull(),
    permissions: text('permissions').array().notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.id] }), unique('roles_name').on(t.accountId, t.name)],
);

/**
 * One permission of a member in addition to the membership's own: until a time, on some resources
 * only, or on a condition.
 */
export const grants = pgTable(
  'grants',
  {
    accountId: id('acc', 'account_id').notNull(),
    userId: id('usr', 'user_id').notNull(),
    id: id('grt', 'id').notNull(),
    permission: text('permission').notNull(),
    /** Null: in the whole account. */
    resourceType: text('resource_type'),
    /** Null: on every resource of the type. */
    resourceId: text('resource_id'),
    /** Properties that a check must name for the grant to apply. */
    condition: jsonb('condition').$type<Condition>().notNull().default({}),
    endsAt: time('ends_at'),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.userId, t.id] }),
    index('grants_resource').on(t.accountId, t.resourceType, t.resourceId),
    // A decision finds the applicable grants, without the expired ones, by one index descent for
    // each kind of grant.
    index('grants_unconditional')
      .on(t.accountId, t.userId, t.resourceType, t.resourceId, t.permission, sql`coalesce(ends_at, 'infinity')`)
      .where(sql`condition = '{}'`),
    // A decision reads all conditional grants of a member, which are few.
    index('grants_conditional').on(t.accountId, t.userId).where(sql`condition <> '{}'`),
    foreignKey({
      name: 'grants_to_a_member',
      columns: [t.accountId, t.userId],
      foreignColumns: [memberships.accountId, memberships.userId],
    }).onDelete('cascade'),
    check('grants_resource_has_a_type', sql`resource_id is null or resource_type is not null`),
  ],
);

/** Things inside an account to which grants can apply, named by the product's own types and ids. */
export const resources = pgTable(
  'resources',
  {
    accountId: id('acc', 'account_id')
      .notNull()
      .references(() => accounts.id),
    type: text('type').notNull(),
    id: text('id').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.type, t.id] })],
);

/**
 * API keys that act as the member who created them, within their scopes: permissions, or `*` for
 * everything that the member may do. They are deleted with the membership.
 */
export const accountKeys = pgTable(
  'account_keys',
  {
    accountId: id('acc', 'account_id').notNull(),
    id: id('key', 'id').notNull(),
    userId: id('usr', 'user_id').notNull(),
    ...keyColumns(),
  },
  (t) => [
    primaryKey({ columns: [t.accountId, t.id] }),
    index('account_keys_maker').on(t.accountId, t.userId),
    index('account_keys_made_by').on(t.madeBy, t.accountId).where(sql`made_by is not null`),
    foreignKey({
      name: 'account_keys_of_a_member',
      columns: [t.accountId, t.userId],
      foreignColumns: [memberships.accountId, memberships.userId],
    }).onDelete('cascade'),
  ],
);
