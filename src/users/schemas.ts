import { type Static, Type } from 'typebox';
import { cursorOf, PagingQuery, pageOf } from '../http/paging.ts';
import { Email, Integer, idSchema, Locale, normalFormKeyword, PersonName, ref, Time } from '../http/schemas.ts';

/**
 * The length of a password in characters of its normal form. At least 64 must be allowed (NIST SP
 * 800-63B); the maximum limits the work of hashing.
 */
export const passwordLength = { min: 8, max: 256 };

export const Password = Type.String({
  minLength: passwordLength.min,
  maxLength: passwordLength.max,
  [normalFormKeyword]: 'password',
  description:
    'Any characters are allowed. Passwords are compared, and their length is counted, in the Unicode normalization form NFKC. Common passwords are refused.',
  examples: ['correct horse battery staple'],
});

/** A password to verify. Short ones are allowed, so that a refusal does not depend on the rules. */
const ExistingPassword = Type.String({
  minLength: 1,
  maxLength: passwordLength.max,
  [normalFormKeyword]: 'password',
  examples: ['correct horse battery staple'],
});

export const Credentials = Type.Object(
  { email: Email, password: ExistingPassword },
  { $id: 'Credentials', additionalProperties: false, description: 'The e-mail address and password of a user.' },
);
export type Credentials = Static<typeof Credentials>;

export const Registration = Type.Object(
  { email: Email, locale: Type.Optional(Locale) },
  { $id: 'Registration', additionalProperties: false },
);
export type Registration = Static<typeof Registration>;

const linkToken = Type.String({
  minLength: 1,
  maxLength: 4096,
  description: 'The token in the link from the e-mail: the text after `#token=`.',
  examples: ['eyJhbGciOiJFZERTQSJ9.eyJyZWciOiJyZWdfIn0.c2ln'],
});

export const VerifyEmailRequest = Type.Object(
  { token: linkToken, name: PersonName, password: Password },
  { $id: 'VerifyEmailRequest', additionalProperties: false },
);
export type VerifyEmailRequest = Static<typeof VerifyEmailRequest>;

export const PasswordResetRequest = Type.Object(
  { email: Email },
  { $id: 'PasswordResetRequest', additionalProperties: false },
);

export const PasswordResetConfirmation = Type.Object(
  { token: linkToken, password: Password },
  { $id: 'PasswordResetConfirmation', additionalProperties: false },
);

export const PasswordChange = Type.Object(
  { currentPassword: ExistingPassword, newPassword: Password },
  { $id: 'PasswordChange', additionalProperties: false },
);

export const EmailChange = Type.Object(
  { email: Email, currentPassword: ExistingPassword },
  { $id: 'EmailChange', additionalProperties: false },
);

export const EmailChangeConfirmation = Type.Object(
  { token: linkToken },
  { $id: 'EmailChangeConfirmation', additionalProperties: false },
);

export const ChangedEmail = Type.Object(
  { email: Email },
  { $id: 'ChangedEmail', additionalProperties: false, description: 'The new e-mail address.' },
);

export const RefreshRequest = Type.Object(
  {
    refreshToken: Type.String({
      minLength: 1,
      maxLength: 512,
      examples: ['dosQIh3c9njrF3K2_KEtYh22KnDICf53p2jSV1Ry_xo'],
    }),
  },
  { $id: 'RefreshRequest', additionalProperties: false },
);

const message = Type.String({
  maxLength: 200,
  examples: ['If the address can be registered, a mail is on its way to it.'],
});

export const RegistrationAccepted = Type.Object(
  { message },
  {
    $id: 'RegistrationAccepted',
    additionalProperties: false,
    description: 'The response is the same for every address.',
  },
);

export const MailQueued = Type.Object(
  { message },
  { $id: 'MailQueued', additionalProperties: false, description: 'The response is the same for every address.' },
);

export const User = Type.Object(
  {
    id: idSchema('usr'),
    email: Email,
    name: PersonName,
    hasPassword: Type.Boolean({
      description: 'If false, the user logs in at an identity provider, or can set a password by a password reset.',
    }),
    createdAt: Time,
  },
  { $id: 'User', additionalProperties: false, description: 'A person with a login. The e-mail address is verified.' },
);

export const Session = Type.Object(
  {
    accessToken: Type.String({
      maxLength: 4096,
      description: 'A JWT (RFC 9068) for `Authorization: Bearer`. It identifies the user and contains no permissions.',
    }),
    tokenType: Type.Unsafe<'Bearer'>(Type.String({ enum: ['Bearer'] })),
    expiresIn: Integer({
      minimum: 1,
      maximum: 86_400,
      description: 'Seconds until the access token expires.',
      examples: [600],
    }),
    refreshToken: Type.String({
      maxLength: 512,
      description: 'Can be exchanged for new tokens once. Using an old one ends the session.',
    }),
    user: Type.Unsafe<Static<typeof User>>(Type.Ref('User')),
  },
  { $id: 'Session', additionalProperties: false },
);

export const SessionParams = Type.Object({ sessionId: idSchema('ses') });

export const MySessionsQuery = Type.Object(
  { ...PagingQuery, cursor: cursorOf('ses') },
  { additionalProperties: false },
);

export const MySession = Type.Object(
  {
    id: idSchema('ses'),
    isCurrent: Type.Boolean({ description: 'Whether it is the session of this request.' }),
    device: Type.String({
      maxLength: 200,
      description: 'A display name for the client, from its `User-Agent` header.',
      examples: ['Firefox on Windows'],
    }),
    network: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      maxLength: 50,
      description: 'The network of the last use: an IPv4 address, or the first 64 bits of an IPv6 address.',
      examples: ['198.51.100.7', '2001:db8:1:2::/64'],
    }),
    createdAt: Time,
    lastUsedAt: {
      ...Time,
      description: 'When the session was opened or last refreshed. Access tokens expire after ten minutes.',
    },
    expiresAt: { ...Time, description: 'When the session expires unless it is refreshed.' },
  },
  { $id: 'MySession', additionalProperties: false, description: 'An active session of the current user.' },
);

export const MySessionPage = pageOf(MySession, 'MySessionPage', 'ses');

export const IdentityParams = Type.Object({ identityId: idSchema('idn') });

export const NewIdentity = Type.Object(
  {
    accessToken: Type.String({
      minLength: 1,
      maxLength: 16_384,
      description: 'An access token that the identity provider issued for this service.',
      examples: ['eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIyNDgyODkifQ.c2ln'],
    }),
    currentPassword: ExistingPassword,
  },
  { $id: 'NewIdentity', additionalProperties: false },
);

export const Identity = Type.Object(
  {
    id: idSchema('idn'),
    issuer: Type.String({ maxLength: 2048, examples: ['https://login.example.com'] }),
    subject: Type.String({ maxLength: 255, examples: ['248289761001'] }),
    createdAt: Time,
  },
  {
    $id: 'Identity',
    additionalProperties: false,
    description: 'A login at an identity provider (OpenID Connect). It belongs to one user.',
  },
);

export const IdentityList = Type.Object(
  { items: Type.Array(ref(Identity), { maxItems: 100 }) },
  { $id: 'IdentityList', additionalProperties: false },
);
