import type { ApiKey, Caller } from '../credentials/caller.ts';
import type { Db, Tx } from '../database/database.ts';
import { inLockQueue } from '../database/lock-queue.ts';
import { transaction } from '../database/transaction.ts';
import { requirePlatform } from './platform-entry.ts';
import type { PlatformScope } from './schemas.ts';
import { lockCallingKey } from './store.ts';

/**
 * A change by the platform, in a transaction that locks a row first. The calling key is verified
 * before the request queues for the lock, and again under it: a change that waited while the key
 * was revoked is refused, and a revocation waits for a change that has begun.
 * @param row the id of the row that `lock` locks; requests for the same row queue up.
 * @throws platform-key-required, permission-missing, unauthenticated, RowBusy, and whatever `change`
 * throws, which undoes everything.
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
