import { isDeepStrictEqual } from 'node:util';
import { changeAsPlatform } from '../../accounts/change-as-platform.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Db, Tx } from '../../database/database.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import type { PermissionDeclaration } from '../../permissions/permission.ts';
import { lockCatalogue } from '../../permissions/store.ts';
import { invalidField, Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { buildCatalogue, compareCatalogues } from './build.ts';
import { catalogueRow, incrementVersion, listPermissions, type PermissionRow, replacePermissions } from './store.ts';
import { findPermissionUses, isUsed, lockPermissionUses, type PermissionUses, stripPermissions } from './uses-store.ts';

export interface DeclareOptions {
  /** Reports the changes without making them. */
  dryRun: boolean;
  /** Removes permissions that are in use from everyone who has them, instead of refusing. */
  removeInUse: boolean;
  now: Date;
}

/** The effect of a declaration. */
export interface CatalogueChange {
  dryRun: boolean;
  added: string[];
  changed: string[];
  removed: PermissionUses[];
}

const row = { row: catalogueRow, lock: lockCatalogue };

/**
 * Declares the whole catalogue: permissions that are not listed are removed, except Usher's own. A
 * removed permission is not restored to anyone when one of the same name is added later.
 * @throws platform-key-required, permission-missing, catalogue-in-file, invalid-request, and
 * permission-in-use if a permission to be removed is in use.
 */
export async function declareCatalogue(
  { db, config }: Service,
  caller: Caller,
  declared: readonly PermissionDeclaration[],
  options: DeclareOptions,
): Promise<CatalogueChange> {
  const change = await changeAsPlatform(db, caller, 'catalogue:manage', row, async (tx) => {
    if (config.catalogue && !options.dryRun) throw new Problem('catalogue-in-file');
    return declareIn(tx, declared, options);
  });
  if (!options.dryRun) caller.logSecurityEvent('catalogue_changed', { keyId: caller.apiKey?.id });
  return change;
}

/** Declares the catalogue of the operator's file. */
const declareFromFile = (db: Db, declared: readonly PermissionDeclaration[], now: Date): Promise<CatalogueChange> =>
  inLockQueue(db, catalogueRow, () =>
    transaction(db, async (tx) => {
      await lockCatalogue(tx);
      return declareIn(tx, declared, { dryRun: false, removeInUse: false, now });
    }),
  );

/** Applies CATALOGUE_FILE at start-up. @throws Error with a message for the operator. */
export async function applyCatalogueFile(db: Db, declared: readonly PermissionDeclaration[], now: Date): Promise<void> {
  try {
    await declareFromFile(db, declared, now);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const mistakes = error.extensions.errors?.map(
      (it) => `${'pointer' in it ? it.pointer : it.parameter} ${it.detail}`,
    );
    throw new Error(`CATALOGUE_FILE: ${mistakes?.join('; ') ?? error.message}`);
  }
}

/** Declares the catalogue in a transaction that has locked it. */
export async function declareIn(
  tx: Tx,
  declared: readonly PermissionDeclaration[],
  { dryRun, removeInUse, now }: DeclareOptions,
): Promise<CatalogueChange> {
  const current = await listPermissions(tx);
  const next = buildCatalogue(requireUsherPermissionsUnchanged(declared, current), current);
  const { added, changed, removed } = compareCatalogues(current, next);
  const change = { dryRun, added, changed, removed: await findPermissionUses(tx, removed, now) };
  if (dryRun) return change;
  if (isDeepStrictEqual(current, next)) return change;
  if (!removeInUse && change.removed.some(isUsed)) throw inUse(change.removed.filter(isUsed));
  await write(tx, next, [...removed, ...added]);
  return change;
}

/**
 * Replaces the catalogue.
 * @param stale permissions that are removed from everyone first: removed ones, and added ones,
 * which an older permission of the same name may have left behind.
 */
async function write(tx: Tx, rows: PermissionRow[], stale: string[]): Promise<void> {
  if (stale.length > 0) {
    await lockPermissionUses(tx, stale);
    await stripPermissions(tx, stale);
  }
  await replacePermissions(tx, rows);
  await incrementVersion(tx);
}

function requireUsherPermissionsUnchanged(
  declared: readonly PermissionDeclaration[],
  current: readonly PermissionRow[],
) {
  const own = new Map(current.filter((it) => it.own).map((it) => [it.key, it]));
  for (const [i, { key, implies }] of declared.entries()) {
    const row = own.get(key);
    if (row && implies && [...implies].sort().join() !== row.implies.join()) {
      throw invalidField(`/permissions/${i}/implies`, 'cannot be changed: this is one of Usher’s own permissions');
    }
  }
  return declared;
}

const inUse = (uses: PermissionUses[]) =>
  new Problem(
    'permission-in-use',
    `In use: ${uses
      .slice(0, 10)
      .map((it) => it.permission)
      .join(', ')}.`,
  );
