import type { ApiKey, Caller } from '../credentials/caller.ts';
import type { Db, Tx } from '../database/database.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { transaction } from '../database/transaction.ts';
import { requirePlatform } from './platform.ts';
import type { PlatformScope } from './schemas.ts';
import { lockCallingKey } from './store.ts';

/**
 * Runs a change by the platform in a transaction that locks a row first. The platform key is
 * checked before the request queues for the lock, and again under it, so that a change is refused
 * if its key was revoked while it waited. A revocation waits for changes that have begun.
 * @param scope the scope that the platform key needs.
 * @param row the id of the row that `lock` locks. Requests for the same row queue up.
 * @returns what `change` returns.
 * @throws platform-key-required, permission-missing, unauthenticated, RowBusy if too many requests
 * wait for the row, and what `change` throws, which rolls the transaction back.
 */
export async function changeAsPlatform<T>(
  db: Db,
  caller: Caller,
  scope: PlatformScope,
  { row, lock }: { row: string; lock(tx: Tx): Promise<unknown> },
  change: (tx: Tx) => Promise<T>,
): Promise<T> {
  await requirePlatform(db, caller, scope);
  const work = () =>
    transaction(db, async (tx) => {
      await lock(tx);
      await lockCallingKey(tx, caller.apiKey as ApiKey);
      await requirePlatform(tx, caller, scope);
      return change(tx);
    });
  return inLockQueue(db, row, work, caller.apiKey?.id);
}
