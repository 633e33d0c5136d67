import { type Static, Type } from 'typebox';
import { Account } from '../accounts/schemas.ts';
import { AccountName, Email, EmailParameter, idSchema, Locale, PersonName, ref } from '../http/schemas.ts';
import { Invite } from '../invites/schemas.ts';
import { controls } from '../text/characters.ts';

export const UserParams = Type.Object({ userId: idSchema('usr') });

const ExternalId = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: `^[^@${controls}]+$`,
  description: 'The id of the user in your own systems. It must not be an e-mail address or an Usher user id.',
  examples: ['alice'],
});

const ExternalIdOrNull = Type.Unsafe<string | null>({ ...ExternalId, type: ['string', 'null'] });

export const UsersQuery = Type.Object(
  {
    email: EmailParameter('The verified address of the user.'),
    externalId: Type.Optional(ExternalId),
  },
  { additionalProperties: false },
);

export const PlatformUser = Type.Object(
  { id: idSchema('usr'), email: Email, name: PersonName, externalId: ExternalIdOrNull, isDisabled: Type.Boolean() },
  { $id: 'PlatformUser', additionalProperties: false, description: 'A user as the platform sees them.' },
);

export const PlatformUsers = Type.Object(
  { items: Type.Array(ref(PlatformUser), { maxItems: 1 }) },
  { $id: 'PlatformUsers', additionalProperties: false },
);

export const PlatformUserChanges = Type.Object(
  { externalId: ExternalIdOrNull },
  { $id: 'PlatformUserChanges', additionalProperties: false },
);
export type PlatformUserChanges = Static<typeof PlatformUserChanges>;

export const NewPlatformAccount = Type.Object(
  {
    name: AccountName,
    locale: Type.Optional(Locale),
    owner: Type.Object(
      { email: Email, locale: Type.Optional(Locale) },
      { additionalProperties: false, description: 'The invitee who will own the account.' },
    ),
  },
  {
    $id: 'NewPlatformAccount',
    additionalProperties: false,
    examples: [{ name: 'Example Hosting', owner: { email: 'olivia@example.com' } }],
  },
);
export type NewPlatformAccount = Static<typeof NewPlatformAccount>;

export const MadePlatformAccount = Type.Object(
  { account: ref(Account), invite: ref(Invite) },
  {
    $id: 'MadePlatformAccount',
    additionalProperties: false,
    description:
      'The account and the invite for its owner. The platform owns the account until the invite is accepted.',
  },
);
