import { changeAsPlatform } from '../accounts/change-as-platform.ts';
import { requirePlatform } from '../accounts/platform.ts';
import type { Caller } from '../credentials/caller.ts';
import type { Tx } from '../database/database.ts';
import { isDuplicate } from '../database/errors.ts';
import { idPattern, type UserId } from '../ids/ids.ts';
import { invalidField, invalidParameter, Problem } from '../problems/problem.ts';
import type { Service } from '../service.ts';
import { requireEmailParameter } from '../text/email-address.ts';
import { lockUser } from '../users/store.ts';
import type { PlatformUserChanges } from './schemas.ts';
import { findPerson, findPersonByExternalId, type PlatformUserRow, updateExternalId } from './store.ts';

/**
 * Finds a user by address or by external id.
 * @returns a list of one user, or an empty one.
 * @throws platform-key-required, permission-missing, and invalid-request unless exactly one is
 * given.
 */
export async function findUsers(
  { db }: Service,
  caller: Caller,
  { email, externalId }: { email?: string; externalId?: string },
): Promise<PlatformUserRow[]> {
  await requirePlatform(db, caller, 'users:manage');
  if ((email === undefined) === (externalId === undefined))
    throw invalidParameter('email', 'or externalId is required, but not both');
  const found =
    externalId === undefined
      ? await findPerson(db, { email: requireEmailParameter(email ?? '', 'email') })
      : await findPersonByExternalId(db, externalId);
  return found ? [found] : [];
}

/** Finds a user by id. @throws platform-key-required, permission-missing, not-found. */
export async function getUser({ db }: Service, caller: Caller, id: UserId): Promise<PlatformUserRow> {
  await requirePlatform(db, caller, 'users:manage');
  const found = await findPerson(db, { id });
  if (!found) throw new Problem('not-found');
  return found;
}

/**
 * Sets the external id of a user, or removes it if it is null.
 * @throws platform-key-required, permission-missing, not-found, external-id-taken, and
 * invalid-request for an external id that has the form of a user id of Usher.
 */
export async function setExternalId(
  { db }: Service,
  caller: Caller,
  id: UserId,
  { externalId }: PlatformUserChanges,
): Promise<PlatformUserRow> {
  const row = { row: id, lock: (tx: Tx) => lockUser(tx, id) };
  const change = changeAsPlatform(db, caller, 'users:manage', row, async (tx) => {
    requireForeignId(externalId);
    const changed = await updateExternalId(tx, id, externalId);
    if (!changed) throw new Problem('not-found');
    return changed;
  });
  const changed = await change.catch((error: unknown) => {
    throw isDuplicate(error, 'users_external_id_unique') ? new Problem('external-id-taken') : error;
  });
  caller.logSecurityEvent('user_updated', { userId: id, changed: 'external-id' });
  return changed;
}

function requireForeignId(externalId: string | null): void {
  if (externalId !== null && new RegExp(idPattern('usr')).test(externalId)) {
    throw invalidField('/externalId', 'must not have the form of an Usher user id (usr_…)');
  }
}

/** A user as the platform sees them. */
export const toPlatformUserView = ({ id, email, name, externalId, disabledAt }: PlatformUserRow) => ({
  ...{ id, email, name, externalId },
  isDisabled: disabledAt !== null,
});
