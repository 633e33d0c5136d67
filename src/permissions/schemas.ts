import { type Static, Type } from 'typebox';
import type { Translations } from '../database/tables/json-columns.ts';
import { choice, idSchema, localePattern, ref, TimeOrNull } from '../http/schemas.ts';
import type { RoleId } from '../ids/ids.ts';
import { noControls } from '../text/characters.ts';
import type { AccessRequest as AccessRequestBody } from './access.ts';

/** The most permissions that a catalogue may have. */
export const maxPermissions = 1000;

const keyPart = '[a-z][a-z0-9_-]*';
/** Matches a permission key, without anchors. */
export const permissionKeyPattern = `${keyPart}:${keyPart}`;

export const PermissionKey = Type.String({
  pattern: `^${permissionKeyPattern}$`,
  maxLength: 100,
  description: 'A permission key: `resource:action`, in lower-case letters, digits, `-` and `_`.',
  examples: ['invoices:pay'],
});

/** A text for people, without control characters. */
const displayText = (maxLength: number, examples: string[]) =>
  Type.String({ minLength: 1, maxLength, pattern: noControls, examples });

/** The texts of a permission. */
export const permissionTexts = {
  title: displayText(200, ['Pay invoices']),
  description: displayText(1000, ['Pay invoices with the account’s payment methods.']),
  group: displayText(200, ['Billing']),
};

export const PermissionTranslations = Type.Unsafe<Translations>({
  type: 'object',
  description:
    'The texts in other languages, by language tag (RFC 5646). Texts without a translation are shown in the default text.',
  maxProperties: 50,
  // Not `patternProperties`: the OpenAPI plugin turns it into a schema that accepts every name.
  propertyNames: { pattern: localePattern, maxLength: 35 },
  additionalProperties: { type: 'object', properties: permissionTexts, additionalProperties: false },
  examples: [{ de: { title: 'Rechnungen bezahlen' } }],
});

export const impliedPermissions = Type.Array(PermissionKey, {
  maxItems: 100,
  uniqueItems: true,
  description: 'Other permissions that come with this one.',
  examples: [['members:read']],
});

export const PermissionDeclaration = Type.Object(
  {
    key: PermissionKey,
    ...permissionTexts,
    implies: Type.Optional(impliedPermissions),
    translations: Type.Optional(PermissionTranslations),
  },
  { $id: 'PermissionDeclaration', additionalProperties: false },
);

export const Permission = Type.Object(
  {
    key: PermissionKey,
    ...permissionTexts,
    group: { ...permissionTexts.group, description: 'The heading under which to show the permission.' },
    implies: impliedPermissions,
    translations: PermissionTranslations,
    own: Type.Boolean({ description: 'True for the permissions that Usher itself requires.' }),
  },
  { $id: 'Permission', additionalProperties: false },
);

const endsAt = {
  type: 'string',
  format: 'date-time',
  maxLength: 35,
  description: 'When the access ends; never if omitted.',
  examples: ['2099-12-31T23:00:00Z'],
};
const permissionKeys = { type: 'array', items: PermissionKey, maxItems: 200, uniqueItems: true };
const roleIds = {
  type: 'array',
  items: idSchema('rol'),
  maxItems: 50,
  uniqueItems: true,
};
const accessForm = (title: string, properties: object, required: string[]) => ({
  title,
  type: 'object',
  properties: { ...properties, endsAt },
  required,
  additionalProperties: false,
});

/** Exactly one of the forms, so that no client grants more than it means to. */
export const AccessRequest = Type.Unsafe<AccessRequestBody>({
  $id: 'AccessRequest',
  description:
    'Either all permissions (to act as the account owner), or chosen permissions and roles. Exactly one of the forms.',
  type: 'object',
  oneOf: [
    accessForm('All permissions', { allPermissions: { type: 'boolean', const: true } }, ['allPermissions']),
    accessForm('Roles', { roles: { ...roleIds, minItems: 1 } }, ['roles']),
    accessForm('Chosen permissions and roles', { permissions: permissionKeys, roles: roleIds }, ['permissions']),
  ],
  examples: [{ permissions: ['invoices:pay', 'invoices:read'] }, { allPermissions: true }],
});

export const Access = Type.Object(
  {
    allPermissions: Type.Boolean({
      description:
        'Every permission, including those added to the catalogue later. `permissions` and `roles` are then empty.',
    }),
    permissions: Type.Array(PermissionKey, { maxItems: maxPermissions }),
    roles: Type.Array(Type.Unsafe<RoleId>(idSchema('rol')), { maxItems: 50 }),
    endsAt: { ...TimeOrNull, description: 'When the access ends; null for never.' },
  },
  {
    $id: 'Access',
    additionalProperties: false,
    examples: [{ allPermissions: false, permissions: ['invoices:pay', 'invoices:read'], roles: [], endsAt: null }],
  },
);

/** A role as shown where it is used. */
export const RoleReference = Type.Object(
  { id: idSchema('rol'), name: Type.String({ maxLength: 100, examples: ['Accountant'] }) },
  { $id: 'RoleReference', additionalProperties: false },
);

export const EffectivePermissions = Type.Array(PermissionKey, {
  maxItems: maxPermissions,
  description:
    'Every permission that applies in the whole account now, including those of roles and implied ones. Use it to decide what a page shows.',
});

const Reason = Type.Object(
  {
    by: choice(['owner', 'all-permissions', 'role', 'direct', 'grant'], {
      description:
        'Where the permission comes from. A `grant` can be limited to resources, to a condition or to a time.',
    }),
    role: Type.Optional(ref(RoleReference)),
    grantId: Type.Optional(idSchema('grt')),
    impliedBy: Type.Optional(PermissionKey),
    resource: Type.Optional(
      Type.Object(
        { type: Type.String({ maxLength: 100 }), id: Type.Optional(Type.String({ maxLength: 256 })) },
        {
          additionalProperties: false,
          description: 'The only resource to which the permission applies; without `id`, every resource of the type.',
        },
      ),
    ),
    condition: Type.Optional(
      Type.Unsafe<object>({
        type: 'object',
        additionalProperties: true,
        description: 'The condition on which the permission applies.',
      }),
    ),
    endsAt: { ...TimeOrNull, description: 'When the permission ends; null for never.' },
  },
  { additionalProperties: false },
);

export const ExplainedPermission = Type.Object(
  { permission: PermissionKey, reasons: Type.Array(Reason, { maxItems: 1000 }) },
  { $id: 'ExplainedPermission', additionalProperties: false },
);
export type ExplainedPermission = Static<typeof ExplainedPermission>;
