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

/** The one type of subject that there is. */
export const subjectType = 'user';

const userIds = new RegExp(idPattern('usr'));
const accountIds = new RegExp(idPattern('acc'));

/** Who a subject is: a user's id, their verified address, or the external id that the platform gave them. Undefined: nobody. */
export function subjectFrom({ type, id }: SubjectEntity): Subject | undefined {
  if (type !== subjectType) return undefined;
  if (userIds.test(id)) return { id: id as UserId };
  if (!id.includes('@')) return { externalId: id };
  const email = canonicalEmail(id);
  return email === undefined ? undefined : { email };
}

/** The key of a permission that an action is: its name as it is, or, where it is none, `type:name` of the resource. */
export const permissionFromAction = (name: string, resourceType: string) =>
  name.includes(':') ? name : `${resourceType}:${name}`;

/** The name of an action that a permission is, on a resource of a type. */
export const actionOf = (permission: string, resourceType: string) =>
  permission.startsWith(`${resourceType}:`) ? permission.slice(resourceType.length + 1) : permission;

/**
 * The account that a question is about: the resource, where it is one; otherwise the one that the resource's properties name, or the
 * one of the key that asks. Null where it is named by nothing, undefined where what names it names none.
 */
export function accountFromResource(
  caller: Pick<Caller, 'apiKey'>,
  { type, id, properties }: { type: string; id?: string; properties?: Properties },
): AccountId | null | undefined {
  const own = caller.apiKey?.kind === 'account' ? caller.apiKey.accountId : null;
  const named = (type === accountType ? id : undefined) ?? properties?.accountId;
  if (named === undefined) return own;
  return typeof named === 'string' && accountIds.test(named) ? (named as AccountId) : undefined;
}

/** The thing inside the account that a resource is; null where it is the account itself. */
export const resourceFrom = ({ type, id }: { type: string; id: string }): Question['resource'] =>
  type === accountType ? null : { type, id };

/** UTF-16 units: as much as a condition's names and texts of 100 and 256 characters can have. */
const longestName = 200;
const longestText = 512;

/**
 * The properties of a question, as far as the condition of a grant can name them: texts, numbers and
 * booleans. The rest, which can be large, would be compared with every such grant in vain.
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
  Object.fromEntries(Object.entries(properties).filter(([name, it]) => name.length <= longestName && isComparable(it)));

const isComparable = (value: unknown) =>
  typeof value === 'string' ? value.length <= longestText : typeof value === 'number' || typeof value === 'boolean';
