import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import type { AccountId, InviteId } from '../../ids/ids.ts';
import { Problem, type ProblemCode } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { recordFailedAttempt } from '../invitee-store.ts';

/** Refusals that say nothing about the invite, which its inviter could do nothing about. */
const noReason: ProblemCode[] = [
  'invalid-request',
  'unauthenticated',
  'unavailable',
  'too-many-requests',
  'password-login-off',
];

/** Does what accepts an invite; a failed try uses nothing up, and its reason is kept on the invite for whoever sent it. */
export async function recordingFailure<T>(
  { db }: Service,
  { accountId, inviteId }: { accountId: AccountId; inviteId: InviteId },
  now: Date,
  accept: () => Promise<T>,
): Promise<T> {
  try {
    return await accept();
  } catch (error) {
    if (error instanceof Problem && !noReason.includes(error.code)) {
      // Where it can't be kept, the refusal is still the answer.
      const mark = () => transaction(db, (tx) => recordFailedAttempt(tx, accountId, inviteId, error.code, now));
      await inLockQueue(db, inviteId, mark).catch(() => {});
    }
    throw error;
  }
}
