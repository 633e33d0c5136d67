// Shared by all accounts: what can be given anywhere, and the keys of the operator's own backend.

import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, integer, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { id, keyColumns, time } from './columns.ts';
import type { Translations } from './json-columns.ts';

/** What can be given, in the order in which it is shown. */
export const permissions = pgTable('permissions', {
  key: text('key').primaryKey(),
  position: integer('position').notNull(),
  /** Whether Usher itself asks for it: no catalogue is without. */
  own: boolean('own').notNull(),
  title: text('title').notNull(),
  description: text('description').notNull(),
  group: text('group').notNull(),
  /** The words in other languages, by language tag. */
  translations: jsonb('translations').$type<Translations>().notNull().default({}),
  /** What comes with it, as it was declared. */
  implies: text('implies').array().notNull(),
  /** Itself and all that comes with it, however far. */
  covers: text('covers').array().notNull(),
  /** Itself and all that it comes with, however far: whoever holds one of these holds it. */
  coveredBy: text('covered_by').array().notNull(),
});

/** One row: how often the catalogue or a preset was changed, which is part of every account's epoch. */
export const catalogue = pgTable(
  'catalogue',
  { isOnly: boolean('is_only').primaryKey().default(true), version: bigint('version', { mode: 'number' }).notNull() },
  () => [check('catalogue_one_row', sql`is_only`)],
);

/** Roles that are offered to every account. */
export const rolePresets = pgTable('role_presets', {
  id: id('rol', 'id').primaryKey(),
  name: text('name').notNull().unique(),
  description: text('description').notNull(),
  permissions: text('permissions').array().notNull(),
  createdAt: time('created_at').notNull(),
});

/** Keys of the operator's own backend. */
export const platformKeys = pgTable('platform_keys', { id: id('key', 'id').primaryKey(), ...keyColumns() }, (t) => [
  index('platform_keys_made_by').on(t.madeBy).where(sql`made_by is not null`),
]);
