import { readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import type { PermissionDeclaration as Declaration } from '../permissions/permission.ts';
import { maxPermissions, PermissionDeclaration } from '../permissions/schemas.ts';
import { utf8Text } from '../text/utf8.ts';

/**
 * Reads a file with a catalogue, in the format of `PUT /v1/permissions`.
 * @throws an Error that says what is wrong.
 */
export function readCatalogueFile(path: string): Declaration[] {
  const permissions = permissionsIn(path);
  for (const [i, it] of permissions.entries()) {
    const [error] = Value.Errors(PermissionDeclaration, it);
    if (error) throw new Error(`${path}: /permissions/${i}${error.instancePath} ${error.message}`);
  }
  return permissions as Declaration[];
}

function permissionsIn(path: string): unknown[] {
  let content: unknown;
  try {
    content = JSON.parse(utf8Text(readFileSync(path)) ?? 'not UTF-8');
  } catch {
    throw new Error('must be the path of a readable JSON file in UTF-8');
  }
  const { permissions } = (content ?? {}) as { permissions?: unknown };
  if (!Array.isArray(permissions) || permissions.length > maxPermissions) {
    throw new Error(`must contain {"permissions": […]} with at most ${maxPermissions} entries`);
  }
  return permissions;
}
