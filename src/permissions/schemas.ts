import { type Static, Type } from 'typebox';
import type { AccessRequest as Asked } from './access.ts';

export const PermissionKey = Type.String({
  pattern: '^[a-z][a-z0-9-]*:[a-z][a-z0-9-]*$',
  maxLength: 100,
  description: 'A key of the catalogue: `resource:action`.',
  examples: ['invoices:pay'],
});

export const Permission = Type.Object(
  {
    key: PermissionKey,
    title: Type.String({ maxLength: 200, examples: ['Pay invoices'] }),
    description: Type.String({ maxLength: 1000, examples: ['Pay invoices with the account’s payment methods.'] }),
    group: Type.String({ maxLength: 200, description: 'A heading to show it under.', examples: ['Billing'] }),
  },
  { $id: 'Permission', additionalProperties: false },
);

export const PermissionCatalogue = Type.Object(
  { items: Type.Array(Type.Unsafe<Static<typeof Permission>>(Type.Ref('Permission')), { maxItems: 1000 }) },
  { $id: 'PermissionCatalogue', additionalProperties: false },
);

/** Exactly one of the two, so that nobody gives more than they meant to. */
export const AccessRequest = Type.Unsafe<Asked>({
  $id: 'AccessRequest',
  description: 'Either all permissions (to act as the account owner) or chosen ones: exactly one of the two.',
  type: 'object',
  oneOf: [
    {
      title: 'All permissions',
      type: 'object',
      properties: { allPermissions: { type: 'boolean', const: true } },
      required: ['allPermissions'],
      additionalProperties: false,
    },
    {
      title: 'Chosen permissions',
      type: 'object',
      properties: {
        permissions: { type: 'array', items: PermissionKey, minItems: 1, maxItems: 200, uniqueItems: true },
      },
      required: ['permissions'],
      additionalProperties: false,
    },
  ],
  examples: [{ permissions: ['invoices:pay', 'invoices:read'] }, { allPermissions: true }],
});

export const Access = Type.Object(
  {
    allPermissions: Type.Boolean({
      description: 'Every permission, those added to the catalogue later too. `permissions` is empty then.',
    }),
    permissions: Type.Array(PermissionKey, { maxItems: 200 }),
  },
  {
    $id: 'Access',
    additionalProperties: false,
    examples: [{ allPermissions: false, permissions: ['invoices:pay', 'invoices:read'] }],
  },
);
