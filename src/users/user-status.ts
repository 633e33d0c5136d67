import { type AnyColumn, eq, isNull, or } from 'drizzle-orm';
import { platformUserId, type UserId } from '../ids/ids.ts';

/**
 * Whether anything may be done in a user's name: the operator has not disabled them. The platform's
 * own user is not a person: it is disabled so that nobody logs in as it, and it is always active.
 */
export const isActiveUser = ({ id, disabledAt }: { id: UserId; disabledAt: Date | null }): boolean =>
  disabledAt === null || id === platformUserId;

/** `isActiveUser`, as a condition on `users` or an alias of it. */
export const isActiveUserRow = (user: Record<'id' | 'disabledAt', AnyColumn>) =>
  or(isNull(user.disabledAt), eq(user.id, platformUserId));
