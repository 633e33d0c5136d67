import { type Static, Type } from 'typebox';
import { cursorOf, PagingQuery, pageOf } from '../http/paging.ts';
import { AccountName, Email, Integer, idSchema, Locale, LocaleOrNull, PersonName, ref, Time } from '../http/schemas.ts';
import { Access, EffectivePermissions } from '../permissions/schemas.ts';

/** How many days an invite may be valid for. */
export const lifetimeDays = { min: 1, max: 90 };

/** The scopes of platform keys, in addition to `*`. */
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
    description: 'Days until an invite expires, unless the invite sets its own lifetime.',
    examples: [7],
  }),
  acceptFromAnyAddress: Type.Boolean({
    description: 'Whether a user may accept an invite if their verified e-mail address differs from the invited one.',
  }),
  locale: {
    ...LocaleOrNull,
    description:
      'The default language of mails about this account: a language tag (RFC 5646); null for English. An invite can set its own.',
  },
  remindDaysBefore: Type.Unsafe<number | null>({
    type: ['integer', 'null'],
    format: 'int32',
    minimum: 1,
    maximum: lifetimeDays.max - 1,
    description:
      'Sends one reminder of a pending invite this many days before it expires; null for none. Applies to invites that are created or resent after this setting is changed and that are valid for longer than this.',
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

/** A user as shown to other members of an account. */
export const Person = Type.Object(
  { id: idSchema('usr'), email: Email, name: PersonName },
  { $id: 'Person', additionalProperties: false },
);

export const OwnershipTransfer = Type.Object(
  { user: ref(Person), offeredAt: Time },
  {
    $id: 'OwnershipTransfer',
    additionalProperties: false,
    description: 'A pending ownership offer to a member.',
  },
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

/** An account as shown to an invitee or a new member. */
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
