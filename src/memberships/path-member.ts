import type { AccountContext } from '../accounts/enter.ts';
import type { Caller } from '../credentials/caller.ts';
import type { UserId } from '../ids/ids.ts';
import { requirePermission } from '../permissions/rules.ts';
import { requirePerson } from '../users/sessions/session.ts';

/** The user that a path names: `me` is the caller, or the maker of the calling account key. */
export const memberIdFrom = (userId: UserId | 'me', caller: Caller): UserId =>
  userId === 'me' ? caller.userId : userId;

/**
 * The member that a path names, for reading. A person reads about themselves without a permission.
 * A key does not: it is not its maker.
 * @throws permission-missing.
 */
export function memberIdToRead(userId: UserId | 'me', caller: Caller, context: AccountContext): UserId {
  const named = memberIdFrom(userId, caller);
  if (!context.isPerson || named !== context.userId) requirePermission(context, 'members:read');
  return named;
}

/**
 * The member that a path names, for changing.
 * @throws user-required for an account key: it does not change its maker, by `me` or by id.
 */
export function memberIdToChange(userId: UserId | 'me', caller: Caller): UserId {
  const named = memberIdFrom(userId, caller);
  if (named === caller.userId) requirePerson(caller);
  return named;
}
