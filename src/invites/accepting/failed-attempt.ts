import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import type { AccountId, InviteId } from '../../ids/ids.ts';
import { Problem, type ProblemCode } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { recordFailedAttempt } from '../invitee-store.ts';

/** Problems that the inviter can do nothing about. They are not recorded. */
const unrecordedProblems: ProblemCode[] = [
  'invalid-request',
  'unauthenticated',
  'unavailable',
  'too-many-requests',
  'password-login-off',
];

/**
 * Calls `accept`. If it throws a problem, records the code on the invite for the inviter, and
 * throws the problem.
 */
export async function withFailureRecord<T>(
  { db }: Service,
  { accountId, inviteId }: { accountId: AccountId; inviteId: InviteId },
  now: Date,
  accept: () => Promise<T>,
): Promise<T> {
  try {
    return await accept();
  } catch (error) {
    if (error instanceof Problem && !unrecordedProblems.includes(error.code)) {
      // If recording fails, the problem is still the response.
      const record = () => transaction(db, (tx) => recordFailedAttempt(tx, accountId, inviteId, error.code, now));
      await inLockQueue(db, inviteId, record).catch(() => {});
    }
    throw error;
  }
}
