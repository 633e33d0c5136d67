import { type Static, Type } from 'typebox';
import { Flag, Integer, idSchema, localePattern, ref } from '../../http/schemas.ts';
import { maxPermissions, Permission, PermissionDeclaration, PermissionKey } from '../../permissions/schemas.ts';

export const PermissionsQuery = Type.Object(
  {
    locale: Type.Optional(
      Type.String({
        pattern: localePattern,
        maxLength: 35,
        description:
          'The language of the texts, a language tag (RFC 5646). Texts without a translation are returned untranslated.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const PermissionCatalogue = Type.Object(
  { items: Type.Array(ref(Permission), { maxItems: maxPermissions }) },
  { $id: 'PermissionCatalogue', additionalProperties: false },
);

export const DeclarationQuery = Type.Object(
  {
    dryRun: Type.Optional(Flag('Report the changes without making them.')),
    removeInUse: Type.Optional(
      Flag('Remove permissions that are in use from everyone who has them, instead of refusing.'),
    ),
  },
  { additionalProperties: false },
);

export const CatalogueDeclaration = Type.Object(
  { permissions: Type.Array(ref(PermissionDeclaration), { maxItems: maxPermissions }) },
  {
    $id: 'CatalogueDeclaration',
    additionalProperties: false,
    examples: [
      {
        permissions: [
          { key: 'invoices:read', title: 'View invoices', description: 'View invoices.', group: 'Billing' },
          {
            key: 'invoices:pay',
            title: 'Pay invoices',
            description: 'Pay invoices with the account’s payment methods.',
            group: 'Billing',
            implies: ['invoices:read'],
            translations: { de: { title: 'Rechnungen bezahlen' } },
          },
        ],
      },
    ],
  },
);
export type CatalogueDeclaration = Static<typeof CatalogueDeclaration>;

const keys = Type.Array(PermissionKey, { maxItems: maxPermissions });
const count = (description: string) => Integer({ minimum: 0, maximum: 2 ** 31 - 1, description });

export const PermissionUses = Type.Object(
  {
    permission: PermissionKey,
    members: count('Members who have it directly, not by a role or a grant.'),
    pendingInvites: count('Pending invites that list it.'),
    roles: count('Roles and presets that contain it.'),
    keys: count('Account keys that have it as a scope.'),
    grants: count('Grants of it.'),
    firstMembers: Type.Array(
      Type.Object({ accountId: idSchema('acc'), userId: idSchema('usr') }, { additionalProperties: false }),
      { maxItems: 100, description: 'The first members who have it directly or by a grant.' },
    ),
  },
  { $id: 'PermissionUses', additionalProperties: false },
);

export const CatalogueChange = Type.Object(
  {
    dryRun: Type.Boolean(),
    added: keys,
    changed: keys,
    removed: Type.Array(ref(PermissionUses), {
      maxItems: maxPermissions,
      description: 'The removed permissions, and where they are used.',
    }),
  },
  { $id: 'CatalogueChange', additionalProperties: false },
);
