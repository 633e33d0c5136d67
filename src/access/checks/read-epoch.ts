import { enterAccount } from '../../accounts/enter.ts';
import { findEpoch } from '../../accounts/epoch-store.ts';
import { requirePlatform } from '../../accounts/platform.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { AccountId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';

/**
 * Reads the epoch of an account, for its members, their keys and the platform.
 * @throws not-found, unauthenticated, permission-missing.
 */
export async function readEpoch({ db }: Service, caller: Caller, accountId: AccountId): Promise<{ epoch: number }> {
  if (caller.apiKey?.kind === 'platform') await requirePlatform(db, caller, 'access:check');
  else await enterAccount(db, caller, accountId);
  const epoch = await findEpoch(db, accountId);
  if (epoch === undefined) throw new Problem('not-found');
  return { epoch };
}
