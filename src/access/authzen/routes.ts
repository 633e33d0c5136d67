import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { takeJsonAlone } from '../../http/bodies.ts';
import { publicRoute } from '../../http/caller.ts';
import { problemResponses } from '../../http/problem-schemas.ts';
import { answer, ref } from '../../http/schemas.ts';
import type { Service } from '../../service.ts';
import type { QuestionChecker } from '../checks/check.ts';
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

/** In bytes: enough for a hundred evaluations with properties. */
const bodyLimit = 256 * 1024;

const endpoints = {
  access_evaluation_endpoint: '/access/v1/evaluation',
  access_evaluations_endpoint: '/access/v1/evaluations',
  search_subject_endpoint: '/access/v1/search/subject',
  search_resource_endpoint: '/access/v1/search/resource',
  search_action_endpoint: '/access/v1/search/action',
} as const;

const conventions =
  'A subject has the type `user`, and its id is a user id, a verified address or an external id. An action is a permission such as `invoices:pay`, or only `pay` on a resource of the type `invoices`. The account is the resource itself, `resource.properties.accountId` or the account of the calling key. To ask about other users, a member or an account key needs `members:read`, and a platform key needs `access:check`.';

/** The OpenID AuthZEN Authorization API 1.0; Usher is a policy decision point. */
export const authzenRoutes: FastifyPluginAsyncTypebox<{ service: Service; checkAll: QuestionChecker }> = async (
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
  // The standard requires the same value in the answer.
  app.addHook('onRequest', async ({ headers }, reply) => {
    const requestId = headers['x-request-id'];
    if (typeof requestId === 'string' && /^[\x20-\x7e]{1,256}$/.test(requestId)) {
      reply.header('x-request-id', requestId);
    }
  });

  app.post(endpoints.access_evaluation_endpoint, {
    bodyLimit,
    schema: {
      tags,
      operationId: 'evaluateAccess',
      summary: 'Evaluate one access request',
      description: `Decides whether a subject may perform an action on a resource. A denial is \`decision: false\`. ${conventions}`,
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
      summary: 'Evaluate several access requests',
      description: `Decides up to 100 evaluations. Each inherits the entities that it leaves out from the top level. One that is not valid is denied, with the reason in its \`context\`. ${conventions}`,
      body: ref(AccessEvaluationsRequest),
      response: {
        200: answer(AccessDecisions, 'The decisions, in the order of the evaluations.'),
        ...problemResponses('permission-missing'),
      },
    },
    handler: ({ caller, body }) => evaluateAll(checkAll, caller, body),
  });

  app.post(endpoints.search_subject_endpoint, {
    schema: {
      tags,
      operationId: 'searchSubjects',
      summary: 'Search subjects',
      description: `Finds the members who may perform an action on a resource. ${conventions}`,
      body: ref(SubjectSearchRequest),
      response: { 200: answer(EntitySearchResults, 'A page of subjects.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, body }) => searchForSubjects(service, caller, body),
  });

  app.post(endpoints.search_resource_endpoint, {
    schema: {
      tags,
      operationId: 'searchResources',
      summary: 'Search resources',
      description: `Finds the resources on which a subject may perform an action, among those that are registered or named in a grant. ${conventions}`,
      body: ref(ResourceSearchRequest),
      response: { 200: answer(EntitySearchResults, 'A page of resources.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, body }) => searchForResources(service, caller, body),
  });

  app.post(endpoints.search_action_endpoint, {
    schema: {
      tags,
      operationId: 'searchActions',
      summary: 'Search actions',
      description: `Finds the actions that a subject may perform on a resource. ${conventions}`,
      body: ref(ActionSearchRequest),
      response: { 200: answer(ActionSearchResults, 'A page of actions.'), ...problemResponses('permission-missing') },
    },
    handler: ({ caller, body }) => searchForActions(service, caller, body),
  });

  app.get('/.well-known/authzen-configuration', {
    schema: {
      tags,
      operationId: 'getAuthzenConfiguration',
      summary: 'Get the AuthZEN configuration',
      description: 'The metadata of the policy decision point: the URL of each endpoint.',
      security: publicRoute,
      response: { 200: answer(AuthzenConfiguration, 'The metadata.'), ...problemResponses() },
    },
    handler: async () => metadata,
  });
};
