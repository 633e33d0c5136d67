import { type Static, Type } from 'typebox';
import type { Translations } from '../database/tables/json-columns.ts';
import { choice, idSchema, localePattern, ref, TimeOrNull } from '../http/schemas.ts';
import type { RoleId } from '../ids/ids.ts';
import { noControls } from '../text/characters.ts';
import type { AccessRequest as Asked } from './access.ts';

/** How many permissions a catalogue may hold. */
export const mostPermissions = 1000;

const word = '[a-z][a-z0-9_-]*';
/** The form of a permission's key, as part of a pattern. */
export const permissionKeyPattern = `${word}:${word}`;

export const PermissionKey = Type.String({
  pattern: `^${permissionKeyPattern}$`,
  maxLength: 100,
  description: 'A key of the catalogue: `resource:action`, of lower-case letters, digits, `-` and `_`.',
  examples: ['invoices:pay'],
});

/** A line of words that a person reads. */
const words = (maxLength: number, examples: string[]) =>
  Type.String({ minLength: 1, maxLength, pattern: noControls, examples });

/** The words of a permission. */
export const permissionWords = {
  title: words(200, ['Pay invoices']),
  description: words(1000, ['Pay invoices with the account’s payment methods.']),
  group: words(200, ['Billing']),
};

export const PermissionTranslations = Type.Unsafe<Translations>({
  type: 'object',
  description: 'The words in other languages, by language tag (RFC 5646). What is missing is shown as it is.',
  maxProperties: 50,
  // Not `patternProperties`: the OpenAPI plugin turns it into a schema that accepts every name.
  propertyNames: { pattern: localePattern, maxLength: 35 },
  additionalProperties: { type: 'object', properties: permissionWords, additionalProperties: false },
  examples: [{ de: { title: 'Rechnungen bezahlen' } }],
});

export const impliedPermissions = Type.Array(PermissionKey, {
  maxItems: 100,
  uniqueItems: true,
  description: 'Permissions that come with it.',
  examples: [['members:read']],
});

export const PermissionDeclaration = Type.Object(
  {
    key: PermissionKey,
    ...permissionWords,
    implies: Type.Optional(impliedPermissions),
    translations: Type.Optional(PermissionTranslations),
  },
  { $id: 'PermissionDeclaration', additionalProperties: false },
);

export const Permission = Type.Object(
  {
    key: PermissionKey,
    ...permissionWords,
    group: { ...permissionWords.group, description: 'A heading to show it under.' },
    implies: impliedPermissions,
    translations: PermissionTranslations,
    own: Type.Boolean({ description: 'Whether Usher itself asks for it.' }),
  },
  { $id: 'Permission', additionalProperties: false },
);

/** Exactly one of the forms, so that nobody gives more than they meant to. */
const endsAt = {
  type: 'string',
  format: 'date-time',
  maxLength: 35,
  description: 'When it ends by itself.',
  examples: ['2099-12-31T23:00:00Z'],
};
const chosen = { type: 'array', items: PermissionKey, maxItems: 200, uniqueItems: true };
const roleIds = {
  type: 'array',
  items: idSchema('rol'),
  maxItems: 50,
  uniqueItems: true,
};
const form = (title: string, properties: object, required: string[]) => ({
  title,
  type: 'object',
  properties: { ...properties, endsAt },
  required,
  additionalProperties: false,
});

export const AccessRequest = Type.Unsafe<Asked>({
  $id: 'AccessRequest',
  description:
    'Either all permissions (to act as the account owner), or chosen ones and roles: exactly one of the forms.',
  type: 'object',
  oneOf: [
    form('All permissions', { allPermissions: { type: 'boolean', const: true } }, ['allPermissions']),
    form('Roles', { roles: { ...roleIds, minItems: 1 } }, ['roles']),
    form('Chosen permissions, and roles', { permissions: chosen, roles: roleIds }, ['permissions']),
  ],
  examples: [{ permissions: ['invoices:pay', 'invoices:read'] }, { allPermissions: true }],
});

export const Access = Type.Object(
  {
    allPermissions: Type.Boolean({
      description:
        'Every permission, those added to the catalogue later too. `permissions` and `roles` are empty then.',
    }),
    permissions: Type.Array(PermissionKey, { maxItems: mostPermissions }),
    roles: Type.Array(Type.Unsafe<RoleId>(idSchema('rol')), { maxItems: 50 }),
    endsAt: { ...TimeOrNull, description: 'When it ends by itself; null for never.' },
  },
  {
    $id: 'Access',
    additionalProperties: false,
    examples: [{ allPermissions: false, permissions: ['invoices:pay', 'invoices:read'], roles: [], endsAt: null }],
  },
);

/** A role as it is named to someone. */
export const RoleReference = Type.Object(
  { id: idSchema('rol'), name: Type.String({ maxLength: 100, examples: ['Accountant'] }) },
  { $id: 'RoleReference', additionalProperties: false },
);

export const EffectivePermissions = Type.Array(PermissionKey, {
  maxItems: mostPermissions,
  description:
    'Every permission that holds in the whole account now, spelled out: those of roles and implied ones too. For drawing a page.',
});

const Reason = Type.Object(
  {
    by: choice(['owner', 'all-permissions', 'role', 'direct', 'grant'], {
      description: 'How it was given: a grant is one for a time, on some resources, or on a condition.',
    }),
    role: Type.Optional(ref(RoleReference)),
    grantId: Type.Optional(idSchema('grt')),
    impliedBy: Type.Optional(PermissionKey),
    resource: Type.Optional(
      Type.Object(
        { type: Type.String({ maxLength: 100 }), id: Type.Optional(Type.String({ maxLength: 256 })) },
        { additionalProperties: false, description: 'On which resource alone, or which type of them.' },
      ),
    ),
    condition: Type.Optional(
      Type.Unsafe<object>({ type: 'object', additionalProperties: true, description: 'On which condition alone.' }),
    ),
    endsAt: { ...TimeOrNull, description: 'Until when; null for as long as nobody changes it.' },
  },
  { additionalProperties: false },
);

export const ExplainedPermission = Type.Object(
  { permission: PermissionKey, reasons: Type.Array(Reason, { maxItems: 1000 }) },
  { $id: 'ExplainedPermission', additionalProperties: false },
);
export type ExplainedPermission = Static<typeof ExplainedPermission>;
