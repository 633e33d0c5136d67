import type { AccountContext } from '../accounts/enter.ts';
import type { Caller } from '../credentials/caller.ts';
import type { UserId } from '../ids/ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import { requirePerson } from '../users/require-user.ts';

/**
 * The user id for the `userId` of a path: `me` is the caller, or the member who created the calling
 * account key.
 */
export const memberIdFrom = (userId: UserId | 'me', caller: Caller): UserId =>
  userId === 'me' ? caller.userId : userId;

/**
 * The user id for the `userId` of a path, for reading the member. A person may always read about
 * themselves. An API key may not read about its creator without the permission.
 * @throws permission-missing without `members:read`.
 */
export function memberIdToRead(userId: UserId | 'me', caller: Caller, context: AccountContext): UserId {
  const memberId = memberIdFrom(userId, caller);
  if (!context.isPerson || memberId !== context.userId) requirePermission(context, 'members:read');
  return memberId;
}

/**
 * The user id for the `userId` of a path, for changing the member.
 * @throws user-required if an API key would change its creator, by `me` or by id.
 */
export function memberIdToChange(userId: UserId | 'me', caller: Caller): UserId {
  const memberId = memberIdFrom(userId, caller);
  if (memberId === caller.userId) requirePerson(caller);
  return memberId;
}
