import type { Condition } from '../database/tables/json-columns.ts';

/** One permission as it is held or given: where, on what condition, and until when. */
export interface GrantedPermission {
  permission: string;
  /** Null: in the whole account. An id of null: on every resource of the type. */
  resource: { type: string; id: string | null } | null;
  condition: Condition;
  endsAt: Date | null;
}

/** The type by which AuthZEN names the account itself. */
export const accountType = 'account';

/** Whether a resource inside an account may have a type. */
export const isResourceType = (type: string) => type !== accountType;
export const reservedType = 'must not be “account”, which names the account itself';

/** A permission in the whole account. */
export const accountWide = (permission: string, endsAt: Date | null): GrantedPermission => ({
  permission,
  resource: null,
  condition: {},
  endsAt,
});

/** Whether something holds in the whole account, on no condition. */
export const isAccountWide = ({ resource, condition }: GrantedPermission) =>
  resource === null && Object.keys(condition).length === 0;

/** Whether whoever has the one has the other with it: as much in every place, on every condition, and for as long. */
export function covers(one: GrantedPermission, other: GrantedPermission): boolean {
  return (
    one.permission === other.permission &&
    coversPlace(one.resource, other.resource) &&
    jsonContains(other.condition, one.condition) &&
    lastsUntil(one.endsAt, other.endsAt)
  );
}

function coversPlace(one: GrantedPermission['resource'], other: GrantedPermission['resource']): boolean {
  if (one === null) return true;
  return other !== null && one.type === other.type && (one.id === null || one.id === other.id);
}

/** Whether something that ends at one time is there until another; null is never. */
export function lastsUntil(endsAt: Date | null, until: Date | null): boolean {
  return endsAt === null || (until !== null && endsAt >= until);
}

/** Whether a time is yet to come, in a year that RFC 3339 and the database can write: an offset can lead out of it. */
export const isInFuture = (time: Date, now: Date) => time > now && time.getUTCFullYear() <= 9999;

/** The earlier of two ends; null is never. */
export function earlierEnd(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}

/** Whether a value holds all that another one holds, as `jsonb @>` of Postgres has it for objects and what is in them. */
export function jsonContains(value: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(value) && part.every((wanted) => value.some((it) => jsonContains(it, wanted)));
  }
  if (typeof part !== 'object' || part === null) return value === part;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(part).every(
    ([name, wanted]) => Object.hasOwn(value, name) && jsonContains((value as Record<string, unknown>)[name], wanted),
  );
}
