import { type Static, Type } from 'typebox';
import { Integer, ref } from '../../http/schemas.ts';

// The schemas of the OpenID AuthZEN Authorization API 1.0. Unknown members are ignored, as the
// standard requires.

/** The maximum number of evaluations in one request. */
const maxEvaluations = 100;

const lenient = { additionalProperties: true };
const text = (maxLength: number, examples: string[]) => Type.String({ minLength: 1, maxLength, examples });
const properties = Type.Optional(
  Type.Unsafe<Record<string, unknown>>({ type: 'object', maxProperties: 100, additionalProperties: true }),
);

const type = text(100, ['record']);
const id = text(256, ['record-1']);
const subjectId = text(256, ['alice']);
const name = text(201, ['read']);

const Subject = Type.Object({ type: text(100, ['user']), id: subjectId, properties }, lenient);
const SubjectType = Type.Object({ type: text(100, ['user']), properties }, lenient);
const Resource = Type.Object({ type, id, properties }, lenient);
const ResourceType = Type.Object({ type, properties }, lenient);
const Action = Type.Object({ name, properties }, lenient);
const context = Type.Optional(
  Type.Unsafe<object>({
    type: 'object',
    maxProperties: 100,
    additionalProperties: true,
    description: 'Accepted and ignored.',
  }),
);

export const AccessEvaluationRequest = Type.Object(
  { subject: Subject, action: Action, resource: Resource, context },
  {
    $id: 'AccessEvaluationRequest',
    ...lenient,
    examples: [
      {
        subject: { type: 'user', id: 'alice' },
        action: { name: 'read' },
        resource: { type: 'record', id: 'record-1' },
      },
    ],
  },
);
export type AccessEvaluationRequest = Static<typeof AccessEvaluationRequest>;

/** Entities whose missing parts are given in the other place: the top level or the evaluation. */
const PartialSubject = Type.Partial(Subject, lenient);
const PartialResource = Type.Partial(Resource, lenient);
const PartialAction = Type.Partial(Action, lenient);

export const AccessEvaluationsRequest = Type.Object(
  {
    subject: Type.Optional(PartialSubject),
    action: Type.Optional(PartialAction),
    resource: Type.Optional(PartialResource),
    context,
    evaluations: Type.Optional(
      Type.Array(
        Type.Unsafe<Record<string, unknown>>({ type: 'object', maxProperties: 100, additionalProperties: true }),
        {
          maxItems: maxEvaluations,
          description:
            'Each may have its own subject, action, resource and context, which replace those at the top level.',
        },
      ),
    ),
    options: Type.Optional(
      Type.Object(
        {
          evaluations_semantic: Type.Optional(
            Type.Unsafe<'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit'>(
              Type.String({
                enum: ['execute_all', 'deny_on_first_deny', 'permit_on_first_permit'],
                default: 'execute_all',
              }),
            ),
          ),
        },
        lenient,
      ),
    ),
  },
  {
    $id: 'AccessEvaluationsRequest',
    ...lenient,
    examples: [
      {
        subject: { type: 'user', id: 'alice' },
        action: { name: 'read' },
        evaluations: [
          { resource: { type: 'record', id: 'record-1' } },
          { resource: { type: 'record', id: 'record-2' } },
        ],
      },
    ],
  },
);
export type AccessEvaluationsRequest = Static<typeof AccessEvaluationsRequest>;

const decisionContext = Type.Optional(
  Type.Object(
    {
      error: Type.Object(
        { status: Integer({ minimum: 400, maximum: 599 }), message: Type.String({ maxLength: 500 }) },
        { additionalProperties: false },
      ),
    },
    { additionalProperties: false, description: 'Why the evaluation could not be decided.' },
  ),
);

export const AccessDecision = Type.Object(
  { decision: Type.Boolean(), context: decisionContext },
  { $id: 'AccessDecision', additionalProperties: false },
);

export const AccessDecisions = Type.Object(
  {
    decision: Type.Optional(Type.Boolean({ description: 'Only for a request without `evaluations`.' })),
    evaluations: Type.Optional(Type.Array(ref(AccessDecision), { maxItems: maxEvaluations })),
  },
  { $id: 'AccessDecisions', additionalProperties: false },
);

const page = Type.Optional(
  Type.Object(
    {
      token: Type.Optional(Type.String({ maxLength: 3000, description: 'The `next_token` of the previous page.' })),
      limit: Type.Optional(Integer({ minimum: 1, maximum: 100, default: 50 })),
    },
    lenient,
  ),
);

export const SubjectSearchRequest = Type.Object(
  { subject: SubjectType, action: Action, resource: Resource, context, page },
  {
    $id: 'SubjectSearchRequest',
    ...lenient,
    examples: [{ subject: { type: 'user' }, action: { name: 'read' }, resource: { type: 'record', id: 'record-1' } }],
  },
);
export const ResourceSearchRequest = Type.Object(
  { subject: Subject, action: Action, resource: ResourceType, context, page },
  {
    $id: 'ResourceSearchRequest',
    ...lenient,
    examples: [{ subject: { type: 'user', id: 'alice' }, action: { name: 'read' }, resource: { type: 'record' } }],
  },
);
export const ActionSearchRequest = Type.Object(
  { subject: Subject, resource: Resource, context, page },
  {
    $id: 'ActionSearchRequest',
    ...lenient,
    examples: [{ subject: { type: 'user', id: 'alice' }, resource: { type: 'record', id: 'record-1' } }],
  },
);

export type SubjectSearchRequest = Static<typeof SubjectSearchRequest>;
export type ResourceSearchRequest = Static<typeof ResourceSearchRequest>;
export type ActionSearchRequest = Static<typeof ActionSearchRequest>;

const nextPage = Type.Object(
  {
    next_token: Type.String({
      maxLength: 1000,
      description: 'Send it as `page.token` to get the next page; empty on the last one.',
    }),
    count: Integer({ minimum: 0, maximum: 100, description: 'The number of results on this page.' }),
  },
  { additionalProperties: false },
);

/** `page` comes first, as in the examples of the standard. */
export const EntitySearchResults = Type.Object(
  {
    page: nextPage,
    results: Type.Array(
      Type.Object(
        { type: Type.String({ maxLength: 100 }), id: Type.String({ maxLength: 256 }) },
        { additionalProperties: false },
      ),
      { maxItems: 100 },
    ),
  },
  { $id: 'EntitySearchResults', additionalProperties: false },
);

export const ActionSearchResults = Type.Object(
  {
    page: nextPage,
    results: Type.Array(Type.Object({ name: Type.String({ maxLength: 201 }) }, { additionalProperties: false }), {
      maxItems: 100,
    }),
  },
  { $id: 'ActionSearchResults', additionalProperties: false },
);

const url = Type.String({ format: 'uri', maxLength: 2048 });

export const AuthzenConfiguration = Type.Object(
  {
    policy_decision_point: url,
    access_evaluation_endpoint: url,
    access_evaluations_endpoint: url,
    search_subject_endpoint: url,
    search_resource_endpoint: url,
    search_action_endpoint: url,
  },
  {
    $id: 'AuthzenConfiguration',
    additionalProperties: false,
    description: 'The metadata of a policy decision point (AuthZEN).',
  },
);
