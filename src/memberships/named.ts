import type { UserId } from '../ids.ts';
import type { Caller } from '../service.ts';
import { requirePerson } from '../users/sessions/session.ts';

/** The user that a path names, to read: `me` is the caller, with an account's key its maker. */
export const namedMember = (userId: UserId | 'me', caller: Caller): UserId =>
  userId === 'me' ? caller.userId : userId;

/** The same, to change: `me` is the caller in person. @throws user-required for a key, which changes its maker by no `me`. */
export function namedMemberToChange(userId: UserId | 'me', caller: Caller): UserId {
  if (userId === 'me') requirePerson(caller);
  return namedMember(userId, caller);
}
