import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { takeJsonAlone } from '../../http/bodies.ts';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import type { CheckAll } from '../checks/check.ts';
import { evaluate, evaluateAll } from './evaluate.ts';
import {
  AccessDecision,
  AccessDecisions,
  AccessEvaluationRequest,
  AccessEvaluationsRequest,
  ActionSearchRequest,
  ActionSearchResults,
  AuthzenConfiguration,
  EntitySearchResults,
  ResourceSearchRequest,
  SubjectSearchRequest,
} from './schemas.ts';
import { searchForActions, searchForResources, searchForSubjects } from './search.ts';

const tags = ['AuthZEN'];

/** Bytes. A hundred evaluations with their properties. */
const bodyLimit = 256 * 1024;

const endpoints = {
  access_evaluation_endpoint: '/access/v1/evaluation',
  access_evaluations_endpoint: '/access/v1/evaluations',
  search_subject_endpoint: '/access/v1/search/subject',
  search_resource_endpoint: '/access/v1/search/resource',
  search_action_endpoint: '/access/v1/search/action',
} as const;

const who =
  'Subjects are of the type `user`, by id, verified address or external id; an action is a permission, or its part after the resource’s type; the account is that of the asking key, or `resource.properties.accountId`. With an account’s key it needs `members:read`, with a platform key `access:check`.';

/** The OpenID AuthZEN Authorization API 1.0, as a policy decision point. */
export const authzenRoutes: FastifyPluginAsyncTypebox<{ service: Service; checkAll: CheckAll }> = async (
  app,
  { service, checkAll },
) => {
  const { issuer } = service.config;
  const at = (path: string) => issuer + path;
  const metadata = {
    policy_decision_point: issuer,
    access_evaluation_endpoint: at(endpoints.access_evaluation_endpoint),
    access_evaluations_endpoint: at(endpoints.access_evaluations_endpoint),
    search_subject_endpoint: at(endpoints.search_subject_endpoint),
    search_resource_endpoint: at(endpoints.search_resource_endpoint),
    search_action_endpoint: at(endpoints.search_action_endpoint),
  };
  takeJsonAlone(app);
  // As it came, whatever it is like: the standard asks for the same value.
  app.addHook('onRequest', async ({ headers }, reply) => {
    const given = headers['x-request-id'];
    if (typeof given === 'string' && /^[\x20-\x7e]{1,256}$/.test(given)) reply.header('x-request-id', given);
  });

  app.post(endpoints.access_evaluation_endpoint, {
    bodyLimit,
    schema: {
      tags,
      operationId: 'evaluateAccess',
      summary: 'Decide one question',
      description: `Whether a subject may do something on a resource. A denial is \`decision: false\`. ${who}`,
      body: ref(AccessEvaluationRequest),
      response: { 200: answer(AccessDecision, 'The decision.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, body }) => evaluate(checkAll, caller, body),
  });

  app.post(endpoints.access_evaluations_endpoint, {
    bodyLimit,
    schema: {
      tags,
      operationId: 'evaluateAccesses',
      summary: 'Decide many questions',
      description: `As many as 100, in one statement. What each leaves out is taken from above; one that can’t be decided is denied and says why. ${who}`,
      body: ref(AccessEvaluationsRequest),
      response: {
        200: answer(AccessDecisions, 'The decisions, in their order.'),
        ...problemResponses('permission-missing'),
      },
    },
    handler: ({ caller, body }) => evaluateAll(checkAll, caller, body),
  });

  app.post(endpoints.search_subject_endpoint, {
    schema: {
      tags,
      operationId: 'searchSubjects',
      summary: 'Who may do this?',
      description: `The members who may do something on a resource. ${who}`,
      body: ref(SubjectSearchRequest),
      response: { 200: answer(EntitySearchResults, 'A page of subjects.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, body }) => searchForSubjects(service, caller, body),
  });

  app.post(endpoints.search_resource_endpoint, {
    schema: {
      tags,
      operationId: 'searchResources',
      summary: 'On what may they do this?',
      description: `Of the resources that are registered or that a grant names, those on which a subject may do something. ${who}`,
      body: ref(ResourceSearchRequest),
      response: { 200: answer(EntitySearchResults, 'A page of resources.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, body }) => searchForResources(service, caller, body),
  });

  app.post(endpoints.search_action_endpoint, {
    schema: {
      tags,
      operationId: 'searchActions',
      summary: 'What may they do?',
      description: `The permissions that a subject has on a resource. ${who}`,
      body: ref(ActionSearchRequest),
      response: { 200: answer(ActionSearchResults, 'A page of actions.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, body }) => searchForActions(service, caller, body),
  });

  app.get('/.well-known/authzen-configuration', {
    schema: {
      tags,
      operationId: 'getAuthzenConfiguration',
      summary: 'Where the decision point is',
      description: 'Its metadata: where each question is asked.',
      security: publicRoute,
      response: { 200: answer(AuthzenConfiguration, 'The metadata.'), ...problemResponses() },
    },
    handler: async () => metadata,
  });
};
