import type { UserId } from '../ids.ts';
import type { Caller } from '../service.ts';
import { requirePerson } from '../users/sessions/session.ts';

/** The user that a path names, to read: `me` is the caller, with an account's key its maker. */
export const namedMember = (userId: UserId | 'me', caller: Caller): UserId =>
  userId === 'me' ? caller.userId : userId;

/** The same, to change. @throws user-required for an account's key, which does not change its maker, by `me` or by id. */
export function namedMemberToChange(userId: UserId | 'me', caller: Caller): UserId {
  const named = namedMember(userId, caller);
  if (named === caller.userId) requirePerson(caller);
  return named;
}
