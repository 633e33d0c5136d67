import { type Static, Type } from 'typebox';
import { Email, idSchema, PersonName, Time } from '../http/schemas.ts';

/** Characters. At least 64 must be allowed (NIST SP 800-63B); the end is there to bound the work. */
export const passwordLength = { min: 8, max: 256 };

export const Password = Type.String({
  minLength: passwordLength.min,
  maxLength: passwordLength.max,
  description: 'Any characters, taken exactly as sent. The most common passwords are refused.',
  examples: ['correct horse battery staple'],
});

/** A password to compare with: whatever its length, so that a refusal says nothing about the rules. */
const PasswordGuess = Type.String({
  minLength: 1,
  maxLength: passwordLength.max,
  examples: ['correct horse battery staple'],
});

export const Credentials = Type.Object(
  { email: Email, password: PasswordGuess },
  { $id: 'Credentials', additionalProperties: false, description: 'An address and a password that exist.' },
);
export type Credentials = Static<typeof Credentials>;

export const Registration = Type.Object(
  { email: Email, password: Password, name: PersonName },
  { $id: 'Registration', additionalProperties: false },
);
export type Registration = Static<typeof Registration>;

export const VerifyEmailRequest = Type.Object(
  {
    token: Type.String({
      minLength: 1,
      maxLength: 4096,
      description: 'From the link in the mail, after `#token=`.',
      examples: ['eyJhbGciOiJFZERTQSJ9.eyJyZWciOiJyZWdfIn0.c2ln'],
    }),
  },
  { $id: 'VerifyEmailRequest', additionalProperties: false },
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

export const RegistrationAccepted = Type.Object(
  {
    message: Type.String({
      maxLength: 200,
      examples: ['If the address can be registered, a mail is on its way to it.'],
    }),
  },
  { $id: 'RegistrationAccepted', additionalProperties: false, description: 'The same for every address.' },
);

export const User = Type.Object(
  { id: idSchema('usr'), email: Email, name: PersonName, createdAt: Time },
  { $id: 'User', additionalProperties: false, description: 'A person with a login. The address is verified.' },
);

export const Session = Type.Object(
  {
    accessToken: Type.String({
      maxLength: 4096,
      description: 'A JWT (RFC 9068) for `Authorization: Bearer`. It names the user, and no right.',
    }),
    tokenType: Type.Unsafe<'Bearer'>(Type.String({ enum: ['Bearer'] })),
    expiresIn: Type.Integer({
      minimum: 1,
      maximum: 86_400,
      description: 'Seconds until the access token expires.',
      examples: [600],
    }),
    refreshToken: Type.String({
      maxLength: 512,
      description: 'Gives the next session tokens, once. Using an old one ends the session.',
    }),
    user: Type.Unsafe<Static<typeof User>>(Type.Ref('User')),
  },
  { $id: 'Session', additionalProperties: false },
);
