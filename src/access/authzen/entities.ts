import type { Caller } from '../../credentials/caller.ts';
import { type AccountId, idPattern, type UserId } from '../../ids/ids.ts';
import { accountType } from '../../permissions/granted-permission.ts';
import { canonicalEmail } from '../../text/email-address.ts';
import type { Question, Subject } from '../checks/question.ts';

type Properties = Record<string, unknown>;

export interface SubjectEntity {
  type: string;
  id: string;
  properties?: Properties;
}
export interface ActionEntity {
  name: string;
  properties?: Properties;
}
export interface ResourceEntity {
  type: string;
  id: string;
  properties?: Properties;
}

/** The only type of subject. */
export const subjectType = 'user';

const userIds = new RegExp(idPattern('usr'));
const accountIds = new RegExp(idPattern('acc'));

/**
 * The user that a subject names by id, verified address or external id. Undefined if it can't be a
 * user.
 */
export function subjectFrom({ type, id }: SubjectEntity): Subject | undefined {
  if (type !== subjectType) return undefined;
  if (userIds.test(id)) return { id: id as UserId };
  if (!id.includes('@')) return { externalId: id };
  const email = canonicalEmail(id);
  return email === undefined ? undefined : { email };
}

/**
 * The permission that an action names: the name itself if it is a permission key, and
 * `resourceType:name` otherwise.
 */
export const permissionFromAction = (name: string, resourceType: string) =>
  name.includes(':') ? name : `${resourceType}:${name}`;

/** The action name of a permission on a type of resource. The inverse of `permissionFromAction`. */
export const actionName = (permission: string, resourceType: string) =>
  permission.startsWith(`${resourceType}:`) ? permission.slice(resourceType.length + 1) : permission;

/**
 * The account that a question is about: the resource itself if it is an account, or else the
 * `accountId` property of the resource, or else the account of the calling key.
 * @returns null if no account is given, undefined if the given id is not valid.
 */
export function accountFromResource(
  caller: Pick<Caller, 'apiKey'>,
  { type, id, properties }: { type: string; id?: string; properties?: Properties },
): AccountId | null | undefined {
  const accountOfKey = caller.apiKey?.kind === 'account' ? caller.apiKey.accountId : null;
  const accountId = (type === accountType ? id : undefined) ?? properties?.accountId;
  if (accountId === undefined) return accountOfKey;
  return typeof accountId === 'string' && accountIds.test(accountId) ? (accountId as AccountId) : undefined;
}

/** The error detail for a question without an account. */
export const accountIdRequired = 'is required unless you call with an account key';

/** The resource inside the account; null for the account itself. */
export const resourceFrom = ({ type, id }: { type: string; id: string }): Question['resource'] =>
  type === accountType ? null : { type, id };

/**
 * In UTF-16 code units. The names and texts of conditions have at most 100 and 256 characters,
 * which is at most twice as many code units.
 */
const maxNameLength = 200;
const maxTextLength = 512;

/**
 * The properties of a question that a condition can match: strings, numbers and booleans. The rest,
 * which can be large, would be compared with every conditional grant for nothing.
 */
export const propertiesFrom = (
  subject?: Properties,
  action?: Properties,
  resource?: Properties,
): Question['properties'] => ({
  ...(subject && { subject: comparable(subject) }),
  ...(action && { action: comparable(action) }),
  ...(resource && { resource: comparable(resource) }),
});

const comparable = (properties: Properties): Properties =>
  Object.fromEntries(
    Object.entries(properties).filter(([name, it]) => name.length <= maxNameLength && isComparable(it)),
  );

const isComparable = (value: unknown) =>
  typeof value === 'string' ? value.length <= maxTextLength : typeof value === 'number' || typeof value === 'boolean';
