import { Type } from 'typebox';
import { Integer, ref } from '../../http/schemas.ts';
import { MemberParams } from '../../memberships/schemas.ts';
import { ExplainedPermission, maxPermissions, PermissionKey } from '../../permissions/schemas.ts';
import { ResourceId, ResourceType } from '../grants/schemas.ts';

export const CheckQuery = Type.Object(
  {
    userId: Type.Optional({
      ...MemberParams.properties.userId,
      description: 'The user to check. Default: the caller.',
    }),
    permission: PermissionKey,
    resourceType: Type.Optional(ResourceType),
    resourceId: Type.Optional(ResourceId),
  },
  { additionalProperties: false },
);

export const Check = Type.Object(
  { allowed: Type.Boolean({ description: 'Whether the user has the permission now.' }) },
  { $id: 'Check', additionalProperties: false },
);

export const Explanation = Type.Object(
  { items: Type.Array(ref(ExplainedPermission), { maxItems: maxPermissions }) },
  {
    $id: 'Explanation',
    additionalProperties: false,
    description: 'The permissions of a member, with the reasons for each.',
  },
);

export const Epoch = Type.Object(
  {
    epoch: Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        'Increases with every change to the permissions in the account. A token with an older epoch may be out of date.',
    }),
  },
  { $id: 'Epoch', additionalProperties: false },
);

export const NewAccountToken = Type.Object(
  {
    audience: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'The service that the token is for.',
      examples: ['https://billing.example.com'],
    }),
    permissions: Type.Optional(
      Type.Array(PermissionKey, {
        minItems: 1,
        maxItems: 200,
        uniqueItems: true,
        description:
          'Limits the token to these permissions; those that you do not have are left out. Default: all of your permissions.',
      }),
    ),
  },
  { $id: 'NewAccountToken', additionalProperties: false },
);

export const AccountToken = Type.Object(
  {
    accessToken: Type.String({
      maxLength: 65_536,
      description: 'A JWT (RFC 9068). Verify it with the keys at `/.well-known/jwks.json`.',
    }),
    tokenType: Type.Literal('Bearer'),
    expiresIn: Integer({ minimum: 0, maximum: 300, description: 'In seconds.' }),
    epoch: Epoch.properties.epoch,
  },
  { $id: 'AccountToken', additionalProperties: false },
);
