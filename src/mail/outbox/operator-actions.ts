import type { Db, Tx } from '../../database/database.ts';
import { transaction } from '../../database/transaction.ts';
import { type DeliveryId, platformAccountId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import { countOutbox, findMail, listByStatus, type OutboxRow, putBack } from './store.ts';

/** A message as shown to operators: ids only, without its recipient or content. */
function toMailView({ id, kind, inviteId, userId, status, attempts, dueAt, lastError, ...row }: OutboxRow) {
  const next = status === 'queued' ? { nextAttemptAt: dueAt } : {};
  const { createdAt, settledAt } = row;
  const accountId = row.accountId === platformAccountId ? null : row.accountId;
  return { id, kind, accountId, inviteId, userId, status, attempts, createdAt, settledAt, ...next, reason: lastError };
}

/**
 * Counts the queued and failed messages, and lists the first of them.
 * @param limit of each list.
 */
export async function listOutbox(
  db: Db,
  { status, limit }: { status: 'queued' | 'failed' | undefined; limit: number },
  now: Date,
) {
  const counts = await countOutbox(db, now);
  const list = async (it: 'queued' | 'failed') => (await listByStatus(db, it, limit)).map(toMailView);
  return {
    counts,
    ...(status !== 'failed' && { queued: await list('queued') }),
    ...(status !== 'queued' && { failed: await list('failed') }),
  };
}

/** @throws not-found. */
export async function requireMail(db: Db, id: DeliveryId) {
  const row = await findMail(db, id);
  if (!row) throw new Problem('not-found', `The outbox has no mail ${id}.`);
  return toMailView(row);
}

/** Lets the features of the messages record the change, in the same transaction. */
type PutBackHook = (tx: Tx, mails: OutboxRow[], now: Date) => Promise<void>;

/** Puts a failed mail back into the queue. @throws not-found if there is no such failed mail. */
export async function retryMail({ db, now }: { db: Db; now: Date }, id: DeliveryId, onPutBack: PutBackHook) {
  const [row] = await putBackAndNotify(db, { id }, now, onPutBack);
  if (!row) throw new Problem('not-found', `There is no failed mail ${id}.`);
  return toMailView(row);
}

/** Puts all mails that failed since a time back into the queue. */
export async function retryFailed({ db, now }: { db: Db; now: Date }, since: Date, onPutBack: PutBackHook) {
  const rows = await putBackAndNotify(db, { since }, now, onPutBack);
  return { putBack: rows.length };
}

function putBackAndNotify(db: Db, which: { id: DeliveryId } | { since: Date }, now: Date, onPutBack: PutBackHook) {
  return transaction(db, async (tx) => {
    const rows = await putBack(tx, which, now);
    await onPutBack(tx, rows, now);
    return rows;
  });
}
