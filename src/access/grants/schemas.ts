import { type Static, Type } from 'typebox';
import type { Condition as StoredCondition } from '../../database/tables/json-columns.ts';
import { cursorOf, PagingQuery, pageOf } from '../../http/paging.ts';
import { idSchema, ref, Time, TimeOrNull } from '../../http/schemas.ts';
import { MemberParams } from '../../memberships/schemas.ts';
import { PermissionKey } from '../../permissions/schemas.ts';
import { noControls } from '../../text/characters.ts';

export const GrantParams = Type.Object({ ...MemberParams.properties, grantId: idSchema('grt') });

export const ResourceType = Type.String({
  minLength: 1,
  maxLength: 100,
  pattern: noControls,
  description: 'A type of resource, as your product names it.',
  examples: ['record'],
});

export const ResourceId = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: noControls,
  description: 'The id of a resource, as your product names it.',
  examples: ['record-1'],
});

export const GrantedResource = Type.Object(
  { type: ResourceType, id: Type.Optional(ResourceId) },
  {
    $id: 'GrantedResource',
    additionalProperties: false,
    description: 'One resource or, without `id`, every resource of the type.',
  },
);

const properties = {
  type: 'object',
  examples: [{ status: 'active' }],
  maxProperties: 10,
  propertyNames: { maxLength: 100 },
  additionalProperties: {
    anyOf: [{ type: 'string', maxLength: 256 }, { type: 'number', minimum: -1e15, maximum: 1e15 }, { type: 'boolean' }],
  },
};

const Condition = Type.Unsafe<StoredCondition>({
  type: 'object',
  description:
    'The grant applies only if the check has these `properties` with these values (AuthZEN). The caller of the check is responsible for their values.',
  properties: { subject: properties, action: properties, resource: properties },
  additionalProperties: false,
  examples: [{ action: { soft: true } }],
});

const NewGrant = Type.Object(
  {
    permission: PermissionKey,
    resource: Type.Optional(ref(GrantedResource)),
    condition: Type.Optional(Condition),
    endsAt: Type.Optional(
      Type.Unsafe<Date>({
        type: 'string',
        format: 'date-time',
        maxLength: 35,
        description: 'When the grant ends; by default never.',
        examples: ['2099-12-31T23:00:00Z'],
      }),
    ),
  },
  { $id: 'NewGrant', additionalProperties: false },
);

export { NewGrant };
export type NewGrant = Static<typeof NewGrant>;

export const NewGrants = Type.Object(
  { grants: Type.Array(ref(NewGrant), { minItems: 1, maxItems: 100 }) },
  {
    $id: 'NewGrants',
    additionalProperties: false,
    examples: [
      { grants: [{ permission: 'invoices:read', resource: { type: 'invoice', id: '2026-0001' } }] },
      { grants: [{ permission: 'invoices:pay', endsAt: '2099-12-31T23:00:00Z' }] },
    ],
  },
);
export type NewGrants = Static<typeof NewGrants>;

export const Grant = Type.Object(
  {
    id: idSchema('grt'),
    permission: PermissionKey,
    resource: Type.Unsafe<Static<typeof GrantedResource> | null>({
      anyOf: [{ $ref: 'GrantedResource' }, { type: 'null' }],
      description: 'Null for the whole account.',
    }),
    condition: Condition,
    endsAt: { ...TimeOrNull, description: 'When the grant ends; null for never.' },
    createdAt: Time,
  },
  {
    $id: 'Grant',
    additionalProperties: false,
    description:
      'One permission of a member in addition to their access, optionally limited to a time, to resources or to a condition.',
  },
);

export const Grants = Type.Object(
  { items: Type.Array(ref(Grant), { maxItems: 100 }) },
  { $id: 'Grants', additionalProperties: false },
);

export const GrantsQuery = Type.Object({ ...PagingQuery, cursor: cursorOf('grt') }, { additionalProperties: false });

export const GrantPage = pageOf(Grant, 'GrantPage', 'grt');
