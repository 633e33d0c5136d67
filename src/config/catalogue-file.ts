import { readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import type { PermissionDeclaration as Declaration } from '../permissions/permission.ts';
import { mostPermissions, PermissionDeclaration } from '../permissions/schemas.ts';
import { utf8Text } from '../text/utf8.ts';

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
