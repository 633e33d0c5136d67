import { type AnyColumn, eq, isNull, or } from 'drizzle-orm';
import { platformUserId, type UserId } from '../ids/ids.ts';

/**
 * Whether a user is active, that is, not disabled by the operator. The platform's own user is
 * always active: it is marked as disabled only so that nobody can log in as it.
 */
export const isActiveUser = ({ id, disabledAt }: { id: UserId; disabledAt: Date | null }): boolean =>
  disabledAt === null || id === platformUserId;

/** `isActiveUser` as a SQL condition on `users` or an alias of it. */
export const isActiveUserRow = (user: Record<'id' | 'disabledAt', AnyColumn>) =>
  or(isNull(user.disabledAt), eq(user.id, platformUserId));
