import { type Static, Type } from 'typebox';
import {
  AccountName,
  cursorOf,
  Email,
  Integer,
  idSchema,
  Locale,
  LocaleOrNull,
  PagingQuery,
  PersonName,
  pageOf,
  ref,
  Time,
} from '../http/schemas.ts';
import { Access, EffectivePermissions } from '../permissions/schemas.ts';

export const lifetimeDays = { min: 1, max: 90 };

/** What a platform's key may be made for. */
export const platformScopes = [
  'accounts:create',
  'accounts:manage',
  'access:check',
  'catalogue:manage',
  'role-presets:manage',
  'users:manage',
  'platform-keys:manage',
] as const;

export type PlatformScope = (typeof platformScopes)[number];

export const AccountParams = Type.Object({ accountId: idSchema('acc') });

const settings = {
  inviteLifetimeDays: Integer({
    minimum: lifetimeDays.min,
    maximum: lifetimeDays.max,
    description: 'Days until an invite expires, where the invite does not say.',
    examples: [7],
  }),
  acceptFromAnyAddress: Type.Boolean({
    description: 'Whether an invite may be accepted by someone whose verified address is another than the invited one.',
  }),
  locale: {
    ...LocaleOrNull,
    description:
      'The language of mails about this account, where the invite names none: a language tag (RFC 5646); null for English.',
  },
  remindDaysBefore: Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    format: 'int32',
    minimum: 1,
    maximum: lifetimeDays.max - 1,
    description:
      'Reminds of a pending invite by one more mail, that many days before it expires; null for never. Holds for invites that are made or sent again from then on, and live longer than that.',
    examples: [2],
  }),
};

export const AccountSettings = Type.Object(settings, { $id: 'AccountSettings', additionalProperties: false });

export const NewAccount = Type.Object(
  { name: AccountName, locale: Type.Optional(Locale) },
  { $id: 'NewAccount', additionalProperties: false },
);
export type NewAccount = Static<typeof NewAccount>;

export const AccountChanges = Type.Object(
  {
    name: Type.Optional(AccountName),
    settings: Type.Optional(Type.Partial(Type.Object(settings), { additionalProperties: false, minProperties: 1 })),
  },
  {
    $id: 'AccountChanges',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ settings: { inviteLifetimeDays: 14 } }],
  },
);
export type AccountChanges = Static<typeof AccountChanges>;

/** A person as others in an account see them. */
export const Person = Type.Object(
  { id: idSchema('usr'), email: Email, name: PersonName },
  { $id: 'Person', additionalProperties: false },
);

export const OwnershipTransfer = Type.Object(
  { user: ref(Person), offeredAt: Time },
  { $id: 'OwnershipTransfer', additionalProperties: false, description: 'An offer of the ownership to a member.' },
);

export const Account = Type.Object(
  {
    id: idSchema('acc'),
    name: AccountName,
    ownerId: idSchema('usr'),
    settings: ref(AccountSettings),
    ownershipTransfer: Type.Unsafe<Static<typeof OwnershipTransfer> | null>({
      anyOf: [{ $ref: 'OwnershipTransfer' }, { type: 'null' }],
    }),
    createdAt: Time,
  },
  { $id: 'Account', additionalProperties: false },
);

/** An account as it is named to someone who is asked in, or who just came in. */
export const AccountReference = Type.Object(
  { id: idSchema('acc'), name: AccountName },
  { $id: 'AccountReference', additionalProperties: false },
);

export const MyAccountsQuery = Type.Object(
  { ...PagingQuery, cursor: cursorOf('mem') },
  { additionalProperties: false },
);

export const MyAccount = Type.Object(
  {
    id: idSchema('acc'),
    name: AccountName,
    membershipId: idSchema('mem'),
    isOwner: Type.Boolean(),
    access: ref(Access),
    effectivePermissions: EffectivePermissions,
    since: Time,
  },
  { $id: 'MyAccount', additionalProperties: false },
);

export const MyAccountPage = pageOf(MyAccount, 'MyAccountPage', 'mem');
