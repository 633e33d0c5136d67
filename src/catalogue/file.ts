import { readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import type { Db } from '../database/database.ts';
import type { PermissionDeclaration as Declaration } from '../permissions/permission.ts';
import { mostPermissions } from '../permissions/schemas.ts';
import { Problem } from '../problems.ts';
import { utf8Text } from '../utf8.ts';
import { declareByFile } from './declare.ts';
import { PermissionDeclaration } from './schemas.ts';

/** Reads a file with a catalogue, as `PUT /v1/permissions` takes it. @throws an Error that says what is wrong. */
export function readCatalogueFile(path: string): Declaration[] {
  const permissions = permissionsIn(path);
  for (const [i, it] of permissions.entries()) {
    const [wrong] = Value.Errors(PermissionDeclaration, it);
    if (wrong) throw new Error(`${path}: /permissions/${i}${wrong.instancePath} ${wrong.message}`);
  }
  return permissions as Declaration[];
}

function permissionsIn(path: string): unknown[] {
  let read: unknown;
  try {
    read = JSON.parse(utf8Text(readFileSync(path)) ?? 'not UTF-8');
  } catch {
    throw new Error('must be the path of a JSON file in UTF-8 that can be read');
  }
  const { permissions } = (read ?? {}) as { permissions?: unknown };
  if (!Array.isArray(permissions) || permissions.length > mostPermissions) {
    throw new Error(`must hold {"permissions": […]}, ${mostPermissions} at most`);
  }
  return permissions;
}

/** Puts the catalogue to what the file says. @throws an Error for a person, where that can't be done. */
export async function keepCatalogueFile(db: Db, declared: readonly Declaration[], now: Date): Promise<void> {
  try {
    await declareByFile(db, declared, now);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const places = error.extensions.errors?.map((it) => `${'pointer' in it ? it.pointer : it.parameter} ${it.detail}`);
    throw new Error(`CATALOGUE_FILE: ${places?.join('; ') ?? error.message}`);
  }
}
