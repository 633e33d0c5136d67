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
 * The same for changing: `me` is the caller, who must be a person.
 * @throws user-required for `me` with a key.
 */
export function namedMemberToChange(userId: UserId | 'me', caller: Caller): UserId {
  if (userId === 'me') requirePerson(caller);
  return namedMember(userId, caller);
}
