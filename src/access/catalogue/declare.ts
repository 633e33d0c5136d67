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
import { arrange, compare } from './arrange.ts';
import {
  findPermissionUses,
  isUsed,
  lockPermissionUses,
  type PermissionUses,
  stripPermissions,
} from './holders-store.ts';
import { catalogueRow, listPermissions, moveVersion, type PermissionRow, replacePermissions } from './store.ts';

export interface DeclareOptions {
  /** Says what it would come to, and changes nothing. */
  dryRun: boolean;
  /** Takes what is removed from everyone who has it, instead of refusing. */
  removeInUse: boolean;
  now: Date;
}

/** What a declaration comes to. */
export interface CatalogueChange {
  dryRun: boolean;
  added: string[];
  changed: string[];
  removed: PermissionUses[];
}

const row = { row: catalogueRow, lock: lockCatalogue };

/**
 * Declares the catalogue as a whole: permissions that are not in it are removed, except Usher's own.
 * Nobody gets a removed permission back when one of the same name is added later.
 * @throws platform-key-required, permission-missing, catalogue-in-file, invalid-request, and
 * permission-in-use if a permission would be removed that someone has.
 */
export async function declareCatalogue(
  { db, config }: Service,
  caller: Caller,
  declared: readonly PermissionDeclaration[],
  declaring: DeclareOptions,
): Promise<CatalogueChange> {
  const change = await changeAsPlatform(db, caller, 'catalogue:manage', row, async (tx) => {
    if (config.catalogue && !declaring.dryRun) throw new Problem('catalogue-in-file');
    return declareIn(tx, declared, declaring);
  });
  if (!declaring.dryRun) caller.logSecurityEvent('catalogue_changed', { keyId: caller.apiKey?.id });
  return change;
}

/** The same, by the operator's file. */
export const declareByFile = (
  db: Db,
  declared: readonly PermissionDeclaration[],
  now: Date,
): Promise<CatalogueChange> =>
  inLockQueue(db, catalogueRow, () =>
    transaction(db, async (tx) => {
      await lockCatalogue(tx);
      return declareIn(tx, declared, { dryRun: false, removeInUse: false, now });
    }),
  );

/** Puts the catalogue to what the file says. @throws an Error for a person, where that can't be done. */
export async function keepCatalogueFile(db: Db, declared: readonly PermissionDeclaration[], now: Date): Promise<void> {
  try {
    await declareByFile(db, declared, now);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const places = error.extensions.errors?.map((it) => `${'pointer' in it ? it.pointer : it.parameter} ${it.detail}`);
    throw new Error(`CATALOGUE_FILE: ${places?.join('; ') ?? error.message}`);
  }
}

export async function declareIn(
  tx: Tx,
  declared: readonly PermissionDeclaration[],
  { dryRun, removeInUse, now }: DeclareOptions,
): Promise<CatalogueChange> {
  const current = await listPermissions(tx);
  const wanted = arrange(requireUsherPermissionsUnchanged(declared, current), current);
  const { added, changed, removed } = compare(current, wanted);
  const change = { dryRun, added, changed, removed: await findPermissionUses(tx, removed, now) };
  if (dryRun) return change;
  if (isSameAs(current, wanted)) return change;
  if (!removeInUse && change.removed.some(isUsed)) throw inUse(change.removed.filter(isUsed));
  await write(tx, wanted, [...removed, ...added]);
  return change;
}

/** Whether nothing would be changed, the order neither. */
const isSameAs = (current: PermissionRow[], wanted: PermissionRow[]) => isDeepStrictEqual(current, wanted);

/** What is left of an older permission of the same name counts for nothing: it is taken away before the new one is there. */
async function write(tx: Tx, wanted: PermissionRow[], stale: string[]): Promise<void> {
  if (stale.length > 0) {
    await lockPermissionUses(tx, stale);
    await stripPermissions(tx, stale);
  }
  await replacePermissions(tx, wanted);
  await moveVersion(tx);
}

function requireUsherPermissionsUnchanged(
  declared: readonly PermissionDeclaration[],
  current: readonly PermissionRow[],
) {
  const own = new Map(current.filter((it) => it.own).map((it) => [it.key, it]));
  for (const [i, { key, implies }] of declared.entries()) {
    const known = own.get(key);
    if (known && implies && [...implies].sort().join() !== known.implies.join()) {
      throw invalidField(`/permissions/${i}/implies`, 'can’t be changed: the permission is Usher’s own');
    }
  }
  return declared;
}

const inUse = (held: PermissionUses[]) =>
  new Problem(
    'permission-in-use',
    `In use: ${held
      .slice(0, 10)
      .map((it) => it.permission)
      .join(', ')}.`,
  );
