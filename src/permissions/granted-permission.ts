import type { Condition } from '../database/tables/json-columns.ts';

/** One permission as a member has it, or as it is to be granted. */
export interface GrantedPermission {
  permission: string;
  /** Where it applies: null for the whole account; an id of null for every resource of the type. */
  resource: { type: string; id: string | null } | null;
  /** What a request must match; `{}` for no condition. */
  condition: Condition;
  /** When it ends; null for never. */
  endsAt: Date | null;
}

/** The resource type that means the account itself in AuthZEN requests. */
export const accountType = 'account';

/** Whether a resource inside an account may have this type. */
export const isResourceType = (type: string) => type !== accountType;
export const reservedTypeMessage = 'must not be “account”: this type is reserved for the account itself';

/** A permission in the whole account. */
export const accountWide = (permission: string, endsAt: Date | null): GrantedPermission => ({
  permission,
  resource: null,
  condition: {},
  endsAt,
});

/** Whether a permission applies in the whole account, on no condition. */
export const isAccountWide = ({ resource, condition }: GrantedPermission) =>
  resource === null && Object.keys(condition).length === 0;

/**
 * Whether having `one` includes having `other`: the same permission, at least in the same place, on
 * the same or a weaker condition, and for at least as long.
 */
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

/** Whether something that ends at `endsAt` lasts until `until`; null means never. */
export function lastsUntil(endsAt: Date | null, until: Date | null): boolean {
  return endsAt === null || (until !== null && endsAt >= until);
}

/**
 * Whether a time is after `now`, and not after the year 9999: RFC 3339 and the database have no
 * later years, but a UTC offset can lead to one.
 */
export const isInFuture = (time: Date, now: Date) => time > now && time.getUTCFullYear() <= 9999;

/** The earlier of two end times; null means never. */
export function earlierEnd(one: Date | null, other: Date | null): Date | null {
  if (one === null || other === null) return one ?? other;
  return one < other ? one : other;
}

/**
 * Whether a JSON value contains another one, by the rules of `jsonb @>` in Postgres for objects.
 */
export function jsonContains(value: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(value) && part.every((element) => value.some((it) => jsonContains(it, element)));
  }
  if (typeof part !== 'object' || part === null) return value === part;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(part).every(
    ([name, member]) => Object.hasOwn(value, name) && jsonContains((value as Record<string, unknown>)[name], member),
  );
}
