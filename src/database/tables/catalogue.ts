// Tables of the platform: the catalogue, presets and platform keys.

import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { id, keyColumns, time } from './columns.ts';
import type { Translations } from './json-columns.ts';

/** The catalogue. `position` is the order in which permissions are shown. */
export const permissions = pgTable('permissions', {
  key: text('key').primaryKey(),
  position: integer('position').notNull(),
  /** Whether Usher itself requires the permission: then it can't be removed. */
  own: boolean('own').notNull(),
  title: text('title').notNull(),
  description: text('description').notNull(),
  group: text('group').notNull(),
  /** The texts in other languages, by language tag. */
  translations: jsonb('translations').$type<Translations>().notNull().default({}),
  /** The permissions that it implies directly, as declared. */
  implies: text('implies').array().notNull(),
  /** Itself and all permissions that it implies, directly or indirectly. */
  covers: text('covers').array().notNull(),
  /** Itself and all permissions that imply it: a member who has one of these has it. */
  coveredBy: text('covered_by').array().notNull(),
});

/**
 * One row: the number of changes of the catalogue and presets, which is part of every account's
 * epoch.
 */
export const catalogue = pgTable(
  'catalogue',
  { isOnly: boolean('is_only').primaryKey().default(true), version: bigint('version', { mode: 'number' }).notNull() },
  () => [check('catalogue_one_row', sql`is_only`)],
);

/** Presets: roles offered to every account. */
export const rolePresets = pgTable('role_presets', {
  id: id('rol', 'id').primaryKey(),
  name: text('name').notNull().unique(),
  description: text('description').notNull(),
  permissions: text('permissions').array().notNull(),
  createdAt: time('created_at').notNull(),
});

/** API keys of the operator's own backend. */
export const platformKeys = pgTable('platform_keys', { id: id('key', 'id').primaryKey(), ...keyColumns() }, (t) => [
  index('platform_keys_made_by').on(t.madeBy).where(sql`made_by is not null`),
]);
