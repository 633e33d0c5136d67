import { type Static, Type } from 'typebox';
import { platformScopes } from '../../accounts/schemas.ts';
import { cursorOf, PagingQuery, pageOf } from '../../http/paging.ts';
import { choice, DisplayName, Integer, idOrNull, idSchema, ref, Time, TimeOrNull } from '../../http/schemas.ts';
import { Inviter } from '../../memberships/schemas.ts';
import { permissionKeyPattern } from '../../permissions/schemas.ts';

export const AccountKeyParams = Type.Object({ accountId: idSchema('acc'), keyId: idSchema('key') });
export const PlatformKeyParams = Type.Object({ keyId: idSchema('key') });

const name = DisplayName('Billing');
const expiresAt = Type.Unsafe<Date>({
  type: 'string',
  format: 'date-time',
  maxLength: 35,
  description: 'When the key expires. Default: never or, for a key created with an API key, when that key expires.',
  examples: ['2099-12-31T23:00:00Z'],
});

const AccountScope = Type.String({
  pattern: `^(${permissionKeyPattern}|\\*)$`,
  maxLength: 100,
  description: 'A permission, or `*` for everything that the member the key acts as may do.',
  examples: ['members:read'],
});
const PlatformScope = choice([...platformScopes, '*'], {
  description: 'What the key may be used for; `*` for everything.',
});

const accountScopes = Type.Array(AccountScope, { minItems: 1, maxItems: 200, uniqueItems: true });
const platformKeyScopes = Type.Array(PlatformScope, { minItems: 1, maxItems: 20, uniqueItems: true });

export const NewAccountKey = Type.Object(
  { name, scopes: accountScopes, expiresAt: Type.Optional(expiresAt) },
  {
    $id: 'NewAccountKey',
    additionalProperties: false,
    examples: [{ name: 'Billing', scopes: ['members:read'], expiresAt: '2099-12-31T23:00:00Z' }],
  },
);
export type NewAccountKey = Static<typeof NewAccountKey>;

export const NewPlatformKey = Type.Object(
  { name, scopes: platformKeyScopes, expiresAt: Type.Optional(expiresAt) },
  {
    $id: 'NewPlatformKey',
    additionalProperties: false,
    examples: [{ name: 'Gateway', scopes: ['access:check'], expiresAt: '2099-12-31T23:00:00Z' }],
  },
);
export type NewPlatformKey = Static<typeof NewPlatformKey>;

export const KeyRotation = Type.Object(
  {
    overlapSeconds: Integer({
      minimum: 0,
      maximum: 2_592_000,
      description: 'How long the old key stays valid after the rotation, at most 30 days.',
      examples: [86_400],
    }),
  },
  { $id: 'KeyRotation', additionalProperties: false },
);
export type KeyRotation = Static<typeof KeyRotation>;

export const KeyRevocation = Type.Object(
  {
    revokeInvites: Type.Optional(
      Type.Boolean({
        description:
          'Whether to also revoke the pending invites that were created with any of the revoked keys. Default: false.',
      }),
    ),
  },
  { $id: 'KeyRevocation', additionalProperties: false, examples: [{ revokeInvites: true }] },
);
export type KeyRevocation = Static<typeof KeyRevocation>;

const keyFields = {
  id: idSchema('key'),
  name,
  prefix: Type.String({
    maxLength: 16,
    description: 'The first characters of the key, to recognise it by.',
    examples: ['uak_AZrg1e4RdkXK'],
  }),
  status: choice(['active', 'expired', 'revoked']),
  createdAt: Time,
  expiresAt: { ...TimeOrNull, description: 'When the key expires; null for never.' },
  revokedAt: TimeOrNull,
  lastUsedAt: { ...TimeOrNull, description: 'Accurate to the minute; null if the key has not been used.' },
  replacedBy: idOrNull('key', 'The key that replaced this one; null if none did.'),
};

const secret = Type.String({
  maxLength: 200,
  description: 'The key itself. It is shown only once: only its hash is stored.',
  examples: ['uak_AZrg1e4RdkXK…'],
});

const accountKeyFields = {
  ...keyFields,
  scopes: Type.Array(AccountScope, { maxItems: 200 }),
  actsAs: ref(Inviter),
};
const platformKeyFields = { ...keyFields, scopes: Type.Array(PlatformScope, { maxItems: 20 }) };

export const AccountKey = Type.Object(accountKeyFields, {
  $id: 'AccountKey',
  additionalProperties: false,
  description: 'Acts as the member who created it, within its scopes, and ends with their membership.',
});
export const MadeAccountKey = Type.Object(
  { ...accountKeyFields, secret },
  { $id: 'MadeAccountKey', additionalProperties: false },
);
export const AccountKeyPage = pageOf(AccountKey, 'AccountKeyPage', 'key');

export const PlatformKey = Type.Object(platformKeyFields, {
  $id: 'PlatformKey',
  additionalProperties: false,
  description: 'A key for the operator’s own backend.',
});
export const MadePlatformKey = Type.Object(
  { ...platformKeyFields, secret },
  { $id: 'MadePlatformKey', additionalProperties: false },
);
export const PlatformKeyPage = pageOf(PlatformKey, 'PlatformKeyPage', 'key');

export const KeysQuery = Type.Object({ ...PagingQuery, cursor: cursorOf('key') }, { additionalProperties: false });
