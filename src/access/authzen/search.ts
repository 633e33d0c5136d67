import type { Caller } from '../../credentials/caller.ts';
import type { Condition } from '../../database/tables/json-columns.ts';
import { type AccountId, idOf, type UserId } from '../../ids/ids.ts';
import { accountType } from '../../permissions/granted-permission.ts';
import { invalidField } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { pageTokenAfter, queryHash, readPageToken } from '../../tokens/page-token.ts';
import { sessionEnded } from '../../users/require-user.ts';
import { callerRights, questionsAboutCaller, requireMayAsk } from '../checks/check.ts';
import type { Subject } from '../checks/question.ts';
import {
  accountFromResource,
  accountIdRequired,
  actionName,
  permissionFromAction,
  propertiesFrom,
  resourceFrom,
  subjectFrom,
  subjectType,
} from './entities.ts';
import type { ActionSearchRequest, ResourceSearchRequest, SubjectSearchRequest } from './schemas.ts';
import {
  type SearchResult,
  searchAccount,
  searchAccounts,
  searchActions,
  searchResources,
  searchSubjects,
} from './search-store.ts';

type Search =
  | typeof searchSubjects
  | typeof searchResources
  | typeof searchAccount
  | typeof searchAccounts
  | typeof searchActions;

interface SearchQuery {
  /** Null for any account, undefined for one that can't exist. */
  accountId: AccountId | null | undefined;
  /** Null if subjects are searched for. */
  subject: Subject | null;
  permission: string | null;
  resource: { type: string; id: string } | null;
  properties: Condition;
}

interface Page {
  token?: string;
  limit?: number;
}

/**
 * Finds the subjects that may perform an action on a resource (AuthZEN 1.0, Subject Search).
 * @throws what `searchFor` throws.
 */
export async function searchForSubjects(service: Service, caller: Caller, body: SubjectSearchRequest) {
  const { subject, action, resource, page } = body;
  const query = {
    accountId: requireAccount(caller, resource),
    subject: null,
    permission: permissionFromAction(action.name, resource.type),
    resource: resourceFrom(resource),
    properties: propertiesFrom(subject.properties, action.properties, resource.properties),
  };
  const search = subject.type === subjectType ? searchSubjects : undefined;
  const found = await searchFor(service, caller, search, query, page);
  const toSubjectId = ({ id, externalId }: SearchResult) => externalId ?? idOf('usr', id);
  return { page: found.page, results: found.results.map((it) => ({ type: subjectType, id: toSubjectId(it) })) };
}

/**
 * Finds the resources of a type on which a subject may perform an action (AuthZEN 1.0, Resource
 * Search).
 * @throws what `searchFor` throws.
 */
export async function searchForResources(service: Service, caller: Caller, body: ResourceSearchRequest) {
  const { subject, action, resource, page } = body;
  const isAccount = resource.type === accountType;
  const isAnyAccount = isAccount && caller.apiKey?.kind === 'platform' && resource.properties?.accountId === undefined;
  const user = subjectFrom(subject);
  const query = {
    accountId: isAnyAccount
      ? null
      : requireAccount(caller, { type: resource.type, properties: resource.properties ?? {} }),
    subject: user ?? null,
    permission: permissionFromAction(action.name, resource.type),
    resource: isAccount ? null : { type: resource.type, id: '' },
    properties: propertiesFrom(subject.properties, action.properties, resource.properties),
  };
  const search = isAnyAccount ? searchAccounts : isAccount ? searchAccount : searchResources;
  const found = await searchFor(service, caller, user && search, query, page);
  const toResourceId = ({ id }: SearchResult) => (isAccount ? idOf('acc', id) : id);
  return { page: found.page, results: found.results.map((it) => ({ type: resource.type, id: toResourceId(it) })) };
}

/**
 * Finds the actions that a subject may perform on a resource (AuthZEN 1.0, Action Search).
 * @throws what `searchFor` throws.
 */
export async function searchForActions(service: Service, caller: Caller, body: ActionSearchRequest) {
  const { subject, resource, page } = body;
  const user = subjectFrom(subject);
  const query = {
    accountId: requireAccount(caller, resource),
    subject: user ?? null,
    permission: null,
    resource: resourceFrom(resource),
    properties: propertiesFrom(subject.properties, undefined, resource.properties),
  };
  const found = await searchFor(service, caller, user && searchActions, query, page);
  return { page: found.page, results: found.results.map((it) => ({ name: actionName(it.id, resource.type) })) };
}

/**
 * Runs a search and returns one page. An unknown user, account, resource type or permission has no
 * results.
 * @param search undefined if there can't be any result; the caller's rights are checked
 * nevertheless.
 * @throws unauthenticated, permission-missing if the caller may not ask about the subject,
 * invalid-request for the page token of another query.
 */
async function searchFor(
  { db, derivedKeys }: Service,
  caller: Caller,
  search: Search | undefined,
  query: SearchQuery,
  { token, limit = 50 }: Page = {},
) {
  const { accountId, subject, permission, resource, properties } = query;
  const hash = queryHash([caller.userId, query]);
  const after = (await readPageToken(derivedKeys, token, hash)) ?? null;
  const questions = accountId ? questionsAboutCaller(caller, accountId) : [];
  const values = {
    ...{ permission, after, limit: limit + 1, questionProperties: JSON.stringify(properties) },
    ...{ resourceType: resource?.type ?? null, resourceId: resource?.id ?? null },
    ...subjectValues(subject),
  };
  const isSearchable = search !== undefined && accountId !== undefined;
  const found = await (isSearchable ? search : searchActions)(db, caller, accountId ?? null, questions, values);
  if (!found) throw sessionEnded();
  const { isAccountVisible, mayAsk } = callerRights(
    caller,
    { accountId: accountId as AccountId, subject },
    found.scopes,
    found.answers[0] ?? noAccount,
  );
  if (isAccountVisible || caller.apiKey?.kind === 'platform') requireMayAsk(caller, { mayAsk });
  const isVisible = isSearchable && (isAccountVisible || caller.apiKey?.kind === 'platform');
  return toPage(isVisible ? ((found.extra ?? []) as SearchResult[]) : [], limit, (last) =>
    pageTokenAfter(derivedKeys, last, hash),
  );
}

const noAccount = { isAccount: false, isMember: false, isAllowed: false };

async function toPage(found: SearchResult[], limit: number, tokenAfter: (last: string) => Promise<string>) {
  const allowed = found.filter((it) => it.isAllowed !== false);
  const results = allowed.slice(0, limit);
  const last = allowed.length > limit ? results.at(-1) : found.find((it) => it.isAllowed === false);
  const next_token = last ? await tokenAfter(last.id) : '';
  return { page: { next_token, count: results.length }, results };
}

function subjectValues(subject: Subject | null) {
  return {
    subjectId: subject && 'id' in subject ? (subject.id as UserId) : null,
    email: subject && 'email' in subject ? subject.email : null,
    externalId: subject && 'externalId' in subject ? subject.externalId : null,
  };
}

/**
 * The account to search; undefined if the given id is not valid.
 * @throws invalid-request if no account is given.
 */
function requireAccount(caller: Caller, resource: Parameters<typeof accountFromResource>[1]): AccountId | undefined {
  const accountId = accountFromResource(caller, resource);
  if (accountId === null) throw invalidField('/resource/properties/accountId', accountIdRequired);
  return accountId;
}
