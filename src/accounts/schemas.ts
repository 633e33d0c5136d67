import { type Static, Type } from 'typebox';
import { AccountName, cursorOf, Email, idSchema, PagingQuery, PersonName, pageOf, ref, Time } from '../http/schemas.ts';
import { Access, PermissionKey } from '../permissions/schemas.ts';

export const lifetimeDays = { min: 1, max: 90 };

export const AccountParams = Type.Object({ accountId: idSchema('acc') });

const settings = {
  inviteLifetimeDays: Type.Integer({
    minimum: lifetimeDays.min,
    maximum: lifetimeDays.max,
    description: 'Days until an invite expires, where the invite does not say.',
    examples: [7],
  }),
  acceptFromAnyAddress: Type.Boolean({
    description: 'Whether an invite may be accepted by someone whose verified address is another than the invited one.',
  }),
};

export const AccountSettings = Type.Object(settings, { $id: 'AccountSettings', additionalProperties: false });

export const NewAccount = Type.Object({ name: AccountName }, { $id: 'NewAccount', additionalProperties: false });
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
    effectivePermissions: Type.Array(PermissionKey, {
      maxItems: 1000,
      description: 'Every permission of the catalogue that you have there now, spelled out: for drawing a page.',
    }),
    since: Time,
  },
  { $id: 'MyAccount', additionalProperties: false },
);

export const MyAccountPage = pageOf(MyAccount, 'MyAccountPage', 'mem');
