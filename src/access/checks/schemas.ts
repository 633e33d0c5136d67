import { Type } from 'typebox';
import { Integer, ref } from '../../http/schemas.ts';
import { MemberParams } from '../../memberships/schemas.ts';
import { ExplainedPermission, mostPermissions, PermissionKey } from '../../permissions/schemas.ts';
import { ResourceId, ResourceType } from '../grants/schemas.ts';

export const CheckQuery = Type.Object(
  {
    userId: Type.Optional({ ...MemberParams.properties.userId, description: 'Who; the caller unless given.' }),
    permission: PermissionKey,
    resourceType: Type.Optional(ResourceType),
    resourceId: Type.Optional(ResourceId),
  },
  { additionalProperties: false },
);

export const Check = Type.Object(
  { allowed: Type.Boolean({ description: 'Whether they may, now.' }) },
  { $id: 'Check', additionalProperties: false },
);

export const Explanation = Type.Object(
  { items: Type.Array(ref(ExplainedPermission), { maxItems: mostPermissions }) },
  { $id: 'Explanation', additionalProperties: false, description: 'Each permission that someone has, and why.' },
);

export const Epoch = Type.Object(
  {
    epoch: Integer({
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      description:
        'Moves with every change of who may do what in the account. A token with an older one may be out of date.',
    }),
  },
  { $id: 'Epoch', additionalProperties: false },
);

export const NewAccountToken = Type.Object(
  {
    audience: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'The service that it is for.',
      examples: ['https://billing.example.com'],
    }),
    permissions: Type.Optional(
      Type.Array(PermissionKey, {
        minItems: 1,
        maxItems: 200,
        uniqueItems: true,
        description: 'The only ones that it shall name, as far as you have them; all that you have unless given.',
      }),
    ),
  },
  { $id: 'NewAccountToken', additionalProperties: false },
);

export const AccountToken = Type.Object(
  {
    accessToken: Type.String({
      maxLength: 65_536,
      description: 'A JWT (RFC 9068), to be verified with this service’s keys.',
    }),
    tokenType: Type.Literal('Bearer'),
    expiresIn: Integer({ minimum: 0, maximum: 300, description: 'Seconds.' }),
    epoch: Epoch.properties.epoch,
  },
  { $id: 'AccountToken', additionalProperties: false },
);
