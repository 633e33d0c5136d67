import type { Db, Tx } from '../../database/database.ts';
import { transaction } from '../../database/transaction.ts';
import { type DeliveryId, platformAccountId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import { countOutbox, findMail, listByStatus, type OutboxRow, putBack } from './store.ts';

/** A mail in the outbox, as an operator sees it: ids, and nothing of what it says or to whom. */
function mailOf({ id, kind, inviteId, userId, status, attempts, dueAt, lastError, ...it }: OutboxRow) {
  const next = status === 'queued' ? { nextAttemptAt: dueAt } : {};
  const { createdAt, settledAt } = it;
  const accountId = it.accountId === platformAccountId ? null : it.accountId;
  return { id, kind, accountId, inviteId, userId, status, attempts, createdAt, settledAt, ...next, reason: lastError };
}

/** What waits and what was given up: how many there are, and the first of them. */
export async function listOutbox(
  db: Db,
  { status, limit }: { status: 'queued' | 'failed' | undefined; limit: number },
  now: Date,
) {
  const counts = await countOutbox(db, now);
  const list = async (it: 'queued' | 'failed') => (await listByStatus(db, it, limit)).map(mailOf);
  return {
    counts,
    ...(status !== 'failed' && { queued: await list('queued') }),
    ...(status !== 'queued' && { failed: await list('failed') }),
  };
}

/** @throws not-found. */
export async function requireMail(db: Db, id: DeliveryId) {
  const row = await findMail(db, id);
  if (!row) throw new Problem('not-found', `There is no mail ${id} in the outbox.`);
  return mailOf(row);
}

/** Tells the features whose mails they are, in the same transaction. */
type TellPutBack = (tx: Tx, mails: OutboxRow[], now: Date) => Promise<void>;

/** Puts a mail back that was given up. @throws not-found where it was not. */
export async function retryMail({ db, now }: { db: Db; now: Date }, id: DeliveryId, tell: TellPutBack) {
  const [row] = await putBackAndTell(db, { id }, now, tell);
  if (!row) throw new Problem('not-found', `No mail ${id} was given up.`);
  return mailOf(row);
}

/** Puts every mail back that was given up since then. */
export async function retryFailed({ db, now }: { db: Db; now: Date }, since: Date, tell: TellPutBack) {
  const rows = await putBackAndTell(db, { since }, now, tell);
  return { putBack: rows.length };
}

function putBackAndTell(db: Db, which: { id: DeliveryId } | { since: Date }, now: Date, tell: TellPutBack) {
  return transaction(db, async (tx) => {
    const rows = await putBack(tx, which, now);
    await tell(tx, rows, now);
    return rows;
  });
}
