import type { AccountId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { findUndeliverable } from './store.ts';

/** @throws address-undeliverable where a mail of this account to it bounced, was dropped or was reported as spam. */
export async function requireDeliverable(db: Service['db'], accountId: AccountId, email: string): Promise<void> {
  const stopped = await findUndeliverable(db, accountId, email);
  if (stopped) throw new Problem('address-undeliverable', undefined, { inviteId: stopped.inviteId });
}
