import type { UserId } from '../ids.ts';
import type { Caller } from '../service.ts';
import { requirePerson } from '../users/sessions/session.ts';

/**
 * The user that a path names, for reading: `me` is the caller, or the maker of the calling account
 * key.
 */
export const namedMember = (userId: UserId | 'me', caller: Caller): UserId =>
  userId === 'me' ? caller.userId : userId;

/**
 * The same for changing.
 * @throws user-required for an account key: it does not change its maker, by `me` or by id.
 */
export function namedMemberToChange(userId: UserId | 'me', caller: Caller): UserId {
  const named = namedMember(userId, caller);
  if (named === caller.userId) requirePerson(caller);
  return named;
}
