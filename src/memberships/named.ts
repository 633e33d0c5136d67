import type { UserId } from '../ids.ts';
import type { Caller } from '../service.ts';

/** The user that a path names: `me` is the caller, with an account's key its maker. */
export const namedMember = (userId: UserId | 'me', caller: Caller): UserId =>
  userId === 'me' ? caller.userId : userId;
