import type { RoleRow } from './store.ts';

/** A role as the API shows it. */
export function toRoleView({ id, name, description, permissions, isPreset, createdAt }: RoleRow) {
  return { id, name, description, permissions, isPreset, createdAt };
}
