import { type Static, Type } from 'typebox';
import { platformScopes } from '../../accounts/schemas.ts';
import {
  choice,
  cursorOf,
  DisplayName,
  Integer,
  idOrNull,
  idSchema,
  PagingQuery,
  pageOf,
  ref,
  Time,
  TimeOrNull,
} from '../../http/schemas.ts';
import { Inviter } from '../../memberships/schemas.ts';
import { permissionKeyPattern } from '../../permissions/schemas.ts';

export const AccountKeyParams = Type.Object({ accountId: idSchema('acc'), keyId: idSchema('key') });
export const PlatformKeyParams = Type.Object({ keyId: idSchema('key') });

const name = DisplayName('Billing');
const expiresAt = Type.Unsafe<Date>({
  type: 'string',
  format: 'date-time',
  maxLength: 35,
  description: 'When it ends by itself; never unless given, or when the key ends that makes it.',
  examples: ['2099-12-31T23:00:00Z'],
});

const AccountScope = Type.String({
  pattern: `^(${permissionKeyPattern}|\\*)$`,
  maxLength: 100,
  description: 'A permission, or `*` for everything that its maker may do at the time.',
  examples: ['members:read'],
});
const PlatformScope = choice([...platformScopes, '*'], { description: 'What it may be used for; `*` is everything.' });

const accountScopes = Type.Array(AccountScope, { minItems: 1, maxItems: 200, uniqueItems: true });
const scopesOfPlatform = Type.Array(PlatformScope, { minItems: 1, maxItems: 20, uniqueItems: true });

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
  { name, scopes: scopesOfPlatform, expiresAt: Type.Optional(expiresAt) },
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
      description: 'For how long the old key still counts beside the new one: 30 days at most.',
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
          'Whether the pending invites that were made with the key, or with a key that is revoked with it, are revoked too.',
      }),
    ),
  },
  { $id: 'KeyRevocation', additionalProperties: false, examples: [{ revokeInvites: true }] },
);
export type KeyRevocation = Static<typeof KeyRevocation>;

const shown = {
  id: idSchema('key'),
  name,
  prefix: Type.String({ maxLength: 16, description: 'How it begins.', examples: ['uak_AZrg1e4RdkXK'] }),
  status: choice(['active', 'expired', 'revoked']),
  createdAt: Time,
  expiresAt: { ...TimeOrNull, description: 'When it ends by itself; null for never.' },
  revokedAt: TimeOrNull,
  lastUsedAt: { ...TimeOrNull, description: 'To the minute; null where it was not used yet.' },
  replacedBy: idOrNull('key', 'The key that replaced it.'),
};

const secret = Type.String({
  maxLength: 200,
  description: 'The key itself. It is shown this once: only its hash is kept.',
  examples: ['uak_AZrg1e4RdkXK…'],
});

const ofAccount = {
  ...shown,
  scopes: Type.Array(AccountScope, { maxItems: 200 }),
  actsAs: ref(Inviter),
};
const ofPlatform = { ...shown, scopes: Type.Array(PlatformScope, { maxItems: 20 }) };

export const AccountKey = Type.Object(ofAccount, {
  $id: 'AccountKey',
  additionalProperties: false,
  description: 'Acts as the member who made it, within its scopes, and ends with their membership.',
});
export const MadeAccountKey = Type.Object(
  { ...ofAccount, secret },
  { $id: 'MadeAccountKey', additionalProperties: false },
);
export const AccountKeyPage = pageOf(AccountKey, 'AccountKeyPage', 'key');

export const PlatformKey = Type.Object(ofPlatform, {
  $id: 'PlatformKey',
  additionalProperties: false,
  description: 'Of the operator’s own backend.',
});
export const MadePlatformKey = Type.Object(
  { ...ofPlatform, secret },
  { $id: 'MadePlatformKey', additionalProperties: false },
);
export const PlatformKeyPage = pageOf(PlatformKey, 'PlatformKeyPage', 'key');

export const KeysQuery = Type.Object({ ...PagingQuery, cursor: cursorOf('key') }, { additionalProperties: false });
