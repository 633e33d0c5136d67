import { type Static, Type } from 'typebox';
import { Person } from '../accounts/schemas.ts';
import { cursorOf, PagingQuery, pageOf } from '../http/paging.ts';
import { choice, idSchema, PersonName, ref, Time } from '../http/schemas.ts';
import { idPattern, type UserId } from '../ids/ids.ts';
import { Access, AccessRequest } from '../permissions/schemas.ts';

export const MemberParams = Type.Object({
  accountId: idSchema('acc'),
  userId: Type.Unsafe<UserId | 'me'>(
    Type.String({
      pattern: `${idPattern('usr')}|^me$`,
      maxLength: 30,
      description: 'A user id, or `me` for the caller.',
      examples: ['me'],
    }),
  ),
});

export const MembersQuery = Type.Object(
  {
    q: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, description: 'Text to find in the name or the e-mail address.' }),
    ),
    ...PagingQuery,
    cursor: cursorOf('mem'),
  },
  { additionalProperties: false },
);

export const MemberChanges = Type.Object(
  { access: ref(AccessRequest) },
  { $id: 'MemberChanges', additionalProperties: false },
);
export type MemberChanges = Static<typeof MemberChanges>;

/** The user who invited a member. */
export const Inviter = Type.Object(
  { id: idSchema('usr'), name: PersonName },
  { $id: 'Inviter', additionalProperties: false },
);

export const Member = Type.Object(
  {
    id: idSchema('mem'),
    user: ref(Person),
    access: ref(Access),
    isOwner: Type.Boolean(),
    status: choice(['active', 'suspended', 'ended'], {
      description: 'A suspended member can do nothing in the account, nor can one whose membership has ended.',
    }),
    since: Time,
    invitedBy: Type.Unsafe<Static<typeof Inviter> | null>({ anyOf: [{ $ref: 'Inviter' }, { type: 'null' }] }),
  },
  { $id: 'Member', additionalProperties: false, description: 'A user in an account, with their access there.' },
);

export const MemberPage = pageOf(Member, 'MemberPage', 'mem');
