import { type Static, Type } from 'typebox';
import { AccountReference, lifetimeDays } from '../accounts/schemas.ts';
import { cursorOf, PagingQuery, pageOf } from '../http/paging.ts';
import {
  choice,
  Email,
  EmailParameter,
  Integer,
  idOrNull,
  idSchema,
  Locale,
  LocaleOrNull,
  PersonName,
  ref,
  Time,
  TimeOrNull,
} from '../http/schemas.ts';
import { Inviter, Member } from '../memberships/schemas.ts';
import { Access, AccessRequest, maxPermissions, Permission, RoleReference } from '../permissions/schemas.ts';
import { Credentials, Password, Session } from '../users/schemas.ts';
import { Delivery, DeliveryOutcome } from './deliveries/schemas.ts';

export const InviteParams = Type.Object({ accountId: idSchema('acc'), inviteId: idSchema('inv') });
export const MyInviteParams = Type.Object({ inviteId: idSchema('inv') });

const Status = choice(['pending', 'accepted', 'declined', 'revoked', 'expired']);

/** Text from the inviter. Tabs and line breaks are the only control characters allowed. */
const Message = Type.String({
  minLength: 1,
  maxLength: 500,
  pattern: '^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]*$',
  description: 'A personal message, shown in the mail.',
  examples: ['Please pay the open invoices.'],
});

const MessageOrNull = Type.Unsafe<string | null>({ ...Message, type: ['string', 'null'] });

export const NewInvite = Type.Object(
  {
    email: Email,
    access: ref(AccessRequest),
    message: Type.Optional(Message),
    locale: Type.Optional(Locale),
    ownership: Type.Optional(
      Type.Boolean({
        description:
          'Whether the invitee becomes the owner of the account. Needs a platform key, an account that the platform owns, and `access` with all permissions.',
      }),
    ),
    expiresInDays: Type.Optional(
      Integer({
        minimum: lifetimeDays.min,
        maximum: lifetimeDays.max,
        description: 'Days until the invite expires. Defaults to the account’s setting.',
      }),
    ),
  },
  {
    $id: 'NewInvite',
    additionalProperties: false,
    examples: [{ email: 'adam@example.com', access: { permissions: ['invoices:pay', 'invoices:read'] } }],
  },
);
export type NewInvite = Static<typeof NewInvite>;

export const InviteChanges = Type.Object(
  { access: Type.Optional(ref(AccessRequest)), message: Type.Optional(MessageOrNull) },
  {
    $id: 'InviteChanges',
    additionalProperties: false,
    minProperties: 1,
    examples: [{ access: { permissions: ['invoices:read'] } }],
  },
);
export type InviteChanges = Static<typeof InviteChanges>;

const Count = Integer({ minimum: 1, maximum: 2_147_483_647 });

export const InviteAttempt = Type.Object(
  {
    at: Time,
    reason: Type.String({
      maxLength: 100,
      description: 'The problem code of the response.',
      examples: ['invite-expired'],
    }),
  },
  {
    $id: 'InviteAttempt',
    additionalProperties: false,
    description: 'A failed attempt to accept the invite. The invite stays valid.',
  },
);

export const Invite = Type.Object(
  {
    id: idSchema('inv'),
    email: Email,
    access: ref(Access),
    ownership: Type.Boolean({ description: 'Whether the invitee becomes the owner of the account.' }),
    status: Status,
    message: MessageOrNull,
    locale: { ...LocaleOrNull, description: 'The language of its mails; null for the language of the account.' },
    invitedBy: ref(Inviter),
    invitedByKey: idOrNull('key', 'The account key or platform key of the inviter; null if a person invited.'),
    createdAt: Time,
    expiresAt: Time,
    sendings: { ...Count, description: 'How many times sending was requested. Only the newest link works.' },
    lastSentAt: {
      ...TimeOrNull,
      description: 'When the mail service last accepted a mail of this invite; null if it never did.',
    },
    delivery: ref(Delivery),
    lastAttempt: Type.Unsafe<Static<typeof InviteAttempt> | null>({
      anyOf: [{ $ref: 'InviteAttempt' }, { type: 'null' }],
    }),
  },
  { $id: 'Invite', additionalProperties: false, description: 'An offer of a membership to an e-mail address.' },
);

export const InvitePage = pageOf(Invite, 'InvitePage', 'inv');

export const InvitesQuery = Type.Object(
  {
    status: Type.Optional(Status),
    delivery: Type.Optional(DeliveryOutcome),
    email: EmailParameter('Invites to this address.'),
    ...PagingQuery,
    cursor: cursorOf('inv'),
  },
  { additionalProperties: false },
);

export const linkToken = Type.String({
  minLength: 1,
  maxLength: 4096,
  description: 'The token from the Accept Invite link, after `#token=`.',
  examples: ['eyJhbGciOiJFZERTQSJ9.eyJhY2MiOiJhY2NfIn0.c2ln'],
});

export const InviteToken = Type.Object({ token: linkToken }, { $id: 'InviteToken', additionalProperties: false });

export const InvitePreview = Type.Object(
  {
    account: ref(AccountReference),
    invitedBy: ref(Inviter),
    email: Email,
    access: ref(Access),
    ownership: Type.Boolean({ description: 'Whether the invitee becomes the owner of the account.' }),
    roles: Type.Array(ref(RoleReference), { maxItems: 50, description: 'The roles that the invite grants.' }),
    permissions: Type.Array(ref(Permission), {
      maxItems: maxPermissions,
      description:
        'The permissions that the invite grants, including those of its roles, with titles and descriptions. Empty for all permissions.',
    }),
    message: MessageOrNull,
    expiresAt: Time,
    hasLogin: Type.Boolean({
      description: 'Whether the address has a login. If so, offer Log in first, otherwise Register.',
    }),
  },
  { $id: 'InvitePreview', additionalProperties: false },
);

export const InviteAcceptance = Type.Object(
  {
    token: linkToken,
    register: Type.Optional(
      Type.Object(
        { name: PersonName, password: Password },
        {
          additionalProperties: false,
          description: 'Creates a login for the invited address. The link proves the address.',
        },
      ),
    ),
    login: Type.Optional(ref(Credentials)),
  },
  {
    $id: 'InviteAcceptance',
    additionalProperties: false,
    description: 'Send `register` or `login`, or neither with a bearer access token.',
    examples: [
      {
        token: 'eyJhbGciOiJFZERTQSJ9.eyJhY2MiOiJhY2NfIn0.c2ln',
        register: { name: 'Adam Accountant', password: 'correct horse battery staple' },
      },
    ],
  },
);
export type InviteAcceptance = Static<typeof InviteAcceptance>;

export const AcceptedInvite = Type.Object(
  { membership: ref(Member), account: ref(AccountReference), session: Type.Optional(ref(Session)) },
  {
    $id: 'AcceptedInvite',
    additionalProperties: false,
    description: '`session` is present if the invite was accepted with `register` or `login`.',
  },
);

export const DeclinedInvite = Type.Object(
  { account: ref(AccountReference), status: choice(['declined']) },
  { $id: 'DeclinedInvite', additionalProperties: false },
);

export const MyInvitesQuery = Type.Object({ ...PagingQuery, cursor: cursorOf('inv') }, { additionalProperties: false });

export const MyInvite = Type.Object(
  {
    id: idSchema('inv'),
    account: ref(AccountReference),
    invitedBy: ref(Inviter),
    access: ref(Access),
    message: MessageOrNull,
    createdAt: Time,
    expiresAt: Time,
  },
  { $id: 'MyInvite', additionalProperties: false, description: 'An invite as the invitee sees it.' },
);

export const MyInvitePage = pageOf(MyInvite, 'MyInvitePage', 'inv');
