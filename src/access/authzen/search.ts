import type { Caller } from '../../credentials/caller.ts';
import type { Condition } from '../../database/tables/json-columns.ts';
import { type AccountId, idOf, type UserId } from '../../ids/ids.ts';
import { accountType } from '../../permissions/granted-permission.ts';
import { invalidField } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { pageTokenAfter, queryHash, readPageToken } from '../../tokens/page-token.ts';
import { sessionEnded } from '../../users/sessions/session.ts';
import { ownQuestions, requireMayAsk, standpoint } from '../checks/check.ts';
import type { Subject } from '../checks/question.ts';
import {
  accountFromResource,
  actionOf,
  permissionFromAction,
  propertiesFrom,
  resourceFrom,
  subjectFrom,
  subjectType,
} from './entities.ts';
import type { ActionSearchRequest, ResourceSearchRequest, SubjectSearchRequest } from './schemas.ts';
import {
  type Found,
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

/** What a search asks. */
interface Asked {
  /** Null: any. Undefined: none that there is. */
  accountId: AccountId | null | undefined;
  /** Whom it is about; null where it looks for them. */
  subject: Subject | null;
  permission: string | null;
  resource: { type: string; id: string } | null;
  properties: Condition;
}

interface Page {
  token?: string;
  limit?: number;
}

/** Who may do this on that resource? (AuthZEN 1.0, Subject Search.) @throws what `searchFor` throws. */
export async function searchForSubjects(service: Service, caller: Caller, body: SubjectSearchRequest) {
  const { subject, action, resource, page } = body;
  const asked = {
    accountId: requireAccount(caller, resource),
    subject: null,
    permission: permissionFromAction(action.name, resource.type),
    resource: resourceFrom(resource),
    properties: propertiesFrom(subject.properties, action.properties, resource.properties),
  };
  const isKnown = subject.type === subjectType;
  const found = await searchFor(service, caller, isKnown ? searchSubjects : undefined, asked, page);
  const nameOf = ({ id, externalId }: Found) => externalId ?? idOf('usr', id);
  return { page: found.page, results: found.results.map((it) => ({ type: subjectType, id: nameOf(it) })) };
}

/** On which resources of this type may they do this? (AuthZEN 1.0, Resource Search.) @throws what `searchFor` throws. */
export async function searchForResources(service: Service, caller: Caller, body: ResourceSearchRequest) {
  const { subject, action, resource, page } = body;
  const isAccount = resource.type === accountType;
  const isAnyAccount = isAccount && caller.apiKey?.kind === 'platform' && resource.properties?.accountId === undefined;
  const who = subjectFrom(subject);
  const asked = {
    accountId: isAnyAccount
      ? null
      : requireAccount(caller, { type: resource.type, properties: resource.properties ?? {} }),
    subject: who ?? null,
    permission: permissionFromAction(action.name, resource.type),
    resource: isAccount ? null : { type: resource.type, id: '' },
    properties: propertiesFrom(subject.properties, action.properties, resource.properties),
  };
  const search = isAnyAccount ? searchAccounts : isAccount ? searchAccount : searchResources;
  const found = await searchFor(service, caller, who && search, asked, page);
  const nameOf = ({ id }: Found) => (isAccount ? idOf('acc', id) : id);
  return { page: found.page, results: found.results.map((it) => ({ type: resource.type, id: nameOf(it) })) };
}

/** What may they do on that resource? (AuthZEN 1.0, Action Search.) @throws what `searchFor` throws. */
export async function searchForActions(service: Service, caller: Caller, body: ActionSearchRequest) {
  const { subject, resource, page } = body;
  const who = subjectFrom(subject);
  const asked = {
    accountId: requireAccount(caller, resource),
    subject: who ?? null,
    permission: null,
    resource: resourceFrom(resource),
    properties: propertiesFrom(subject.properties, undefined, resource.properties),
  };
  const found = await searchFor(service, caller, who && searchActions, asked, page);
  return { page: found.page, results: found.results.map((it) => ({ name: actionOf(it.id, resource.type) })) };
}

/**
 * A page of what is found, for whoever may ask. What is not there is found nowhere: a person, an account, a type, a permission.
 * @throws unauthenticated, permission-missing for asking about others, invalid-request where no account is named, or for the page
 * token of another query.
 */
async function searchFor(
  { db, derivedKeys }: Service,
  caller: Caller,
  search: Search | undefined,
  asked: Asked,
  { token, limit = 50 }: Page = {},
) {
  const { accountId, subject, permission, resource, properties } = asked;
  const query = queryHash([caller.userId, asked]);
  const after = (await readPageToken(derivedKeys, token, query)) ?? null;
  const own = accountId ? ownQuestions(caller, accountId) : [];
  const values = {
    ...{ permission, after, limit: limit + 1, askedProperties: JSON.stringify(properties) },
    ...{ resourceType: resource?.type ?? null, resourceId: resource?.id ?? null },
    ...subjectValues(subject),
  };
  const isSomewhere = search !== undefined && accountId !== undefined;
  const found = await (isSomewhere ? search : searchActions)(db, caller, accountId ?? null, own, values);
  if (!found) throw sessionEnded();
  const { isTheirs, mayAsk } = standpoint(
    caller,
    { accountId: accountId as AccountId, subject },
    found.scopes,
    found.answers[0] ?? nowhere,
  );
  if (isTheirs || caller.apiKey?.kind === 'platform') requireMayAsk(caller, { mayAsk });
  const isSeen = isSomewhere && (isTheirs || caller.apiKey?.kind === 'platform');
  return pageOf(isSeen ? ((found.more ?? []) as Found[]) : [], limit, (last) =>
    pageTokenAfter(derivedKeys, last, query),
  );
}

const nowhere = { isAccount: false, isMember: false, isAllowed: false };

async function pageOf(found: Found[], limit: number, tokenAfter: (last: string) => Promise<string>) {
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

/** The account that is searched; undefined where what names it names none. @throws invalid-request where nothing names one. */
function requireAccount(caller: Caller, resource: Parameters<typeof accountFromResource>[1]): AccountId | undefined {
  const accountId = accountFromResource(caller, resource);
  if (accountId === null)
    throw invalidField('/resource/properties/accountId', 'is required: this caller has no account of its own');
  return accountId;
}
