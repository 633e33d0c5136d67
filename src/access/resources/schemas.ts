import { Type } from 'typebox';
import { PagingQuery } from '../../http/paging.ts';
import { idSchema, ref, Time } from '../../http/schemas.ts';
import { ResourceId, ResourceType } from '../grants/schemas.ts';

export const ResourceParams = Type.Object({ accountId: idSchema('acc'), type: ResourceType, id: ResourceId });
export const ResourceTypeParams = Type.Object({ accountId: idSchema('acc'), type: ResourceType });

export const ResourcesQuery = Type.Object(
  {
    ...PagingQuery,
    cursor: Type.Optional(
      Type.String({ minLength: 1, maxLength: 256, description: 'The `nextCursor` of the previous page.' }),
    ),
  },
  { additionalProperties: false },
);

export const Resource = Type.Object(
  { type: ResourceType, id: ResourceId, createdAt: Time },
  {
    $id: 'Resource',
    additionalProperties: false,
    description: 'A resource in the account on which permissions can be granted and checked.',
  },
);

export const ResourcePage = Type.Object(
  {
    items: Type.Array(ref(Resource), { maxItems: 100 }),
    nextCursor: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      maxLength: 256,
      description: 'Send it as `cursor` to get the next page; null on the last one.',
      examples: ['record-1'],
    }),
  },
  { $id: 'ResourcePage', additionalProperties: false },
);
