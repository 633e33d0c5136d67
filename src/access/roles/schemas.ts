import { type Static, Type } from 'typebox';
import { cursorOf, PagingQuery, pageOf } from '../../http/paging.ts';
import { DisplayName, idSchema, Time } from '../../http/schemas.ts';
import { maxPermissions, PermissionKey } from '../../permissions/schemas.ts';
import { noControls } from '../../text/characters.ts';

export const RoleParams = Type.Object({ accountId: idSchema('acc'), roleId: idSchema('rol') });
export const PresetParams = Type.Object({ roleId: idSchema('rol') });

const name = DisplayName('Accountant');
const description = Type.String({ maxLength: 1000, pattern: noControls, examples: ['Views and pays invoices.'] });
const permissions = Type.Array(PermissionKey, {
  minItems: 1,
  maxItems: maxPermissions,
  uniqueItems: true,
  examples: [['invoices:pay', 'invoices:read']],
});

export const NewRole = Type.Object(
  { name, description: Type.Optional(description), permissions },
  { $id: 'NewRole', additionalProperties: false },
);
export type NewRole = Static<typeof NewRole>;

export const RoleChanges = Type.Partial(Type.Object({ name, description, permissions }), {
  $id: 'RoleChanges',
  additionalProperties: false,
  minProperties: 1,
  examples: [{ permissions: ['invoices:pay', 'invoices:read'] }],
});
export type RoleChanges = Static<typeof RoleChanges>;

export const Role = Type.Object(
  {
    id: idSchema('rol'),
    name,
    description,
    permissions: Type.Array(PermissionKey, { maxItems: maxPermissions }),
    isPreset: Type.Boolean({
      description: 'True for a preset: every account has it, and only the platform can change it.',
    }),
    createdAt: Time,
  },
  { $id: 'Role', additionalProperties: false, description: 'A named set of permissions.' },
);

export const RolesQuery = Type.Object({ ...PagingQuery, cursor: cursorOf('rol') }, { additionalProperties: false });

export const RolePage = pageOf(Role, 'RolePage', 'rol');
