import { changeAsPlatform } from '../accounts/change-as-platform.ts';
import { requirePlatform } from '../accounts/platform-entry.ts';
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

/** A user by address or by external id, one of the two. @throws platform-key-required, permission-missing, invalid-request. */
export async function findUsers(
  { db }: Service,
  caller: Caller,
  { email, externalId }: { email?: string; externalId?: string },
): Promise<PlatformUserRow[]> {
  await requirePlatform(db, caller, 'users:manage');
  if ((email === undefined) === (externalId === undefined))
    throw invalidParameter('email', 'or externalId is required, and one of them');
  const found =
    externalId === undefined
      ? await findPerson(db, { email: requireEmailParameter(email ?? '', 'email') })
      : await findPersonByExternalId(db, externalId);
  return found ? [found] : [];
}

/** A user by id. @throws platform-key-required, permission-missing, not-found. */
export async function getUser({ db }: Service, caller: Caller, id: UserId): Promise<PlatformUserRow> {
  await requirePlatform(db, caller, 'users:manage');
  const found = await findPerson(db, { id });
  if (!found) throw new Problem('not-found');
  return found;
}

/**
 * Gives a user an external id, or takes it away.
 * @throws platform-key-required, permission-missing, not-found, external-id-taken, invalid-request for what could be taken for an id of ours.
 */
export async function setExternalId(
  { db }: Service,
  caller: Caller,
  id: UserId,
  { externalId }: PlatformUserChanges,
): Promise<PlatformUserRow> {
  const row = { row: id, lock: (tx: Tx) => lockUser(tx, id) };
  const changing = changeAsPlatform(db, caller, 'users:manage', row, async (tx) => {
    requireForeignId(externalId);
    const changed = await updateExternalId(tx, id, externalId);
    if (!changed) throw new Problem('not-found');
    return changed;
  });
  const changed = await changing.catch((error: unknown) => {
    throw isDuplicate(error, 'users_external_id_unique') ? new Problem('external-id-taken') : error;
  });
  caller.logSecurityEvent('user_updated', { userId: id, changed: 'external-id' });
  return changed;
}

function requireForeignId(externalId: string | null): void {
  if (externalId !== null && new RegExp(idPattern('usr')).test(externalId)) {
    throw invalidField('/externalId', 'must not look like an id of ours');
  }
}

/** A user as the platform sees them. */
export const toPlatformUserView = ({ id, email, name, externalId, disabledAt }: PlatformUserRow) => ({
  ...{ id, email, name, externalId },
  isDisabled: disabledAt !== null,
});
