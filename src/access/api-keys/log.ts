import type { Caller } from '../../credentials/caller.ts';
import type { AccountId, KeyId } from '../../ids/ids.ts';
import type { EventDetails } from '../../telemetry/security-events.ts';

/**
 * Records a key in the audit log once it is made, not while that can still fail.
 * @returns the key.
 */
export async function auditMade<Made extends { id: KeyId }>(
  { audit }: Caller,
  making: Promise<Made>,
  concerns: { accountId?: AccountId } = {},
): Promise<Made> {
  const made = await making;
  audit('key_created', { ...concerns, keyId: made.id });
  return made;
}

/**
 * Records a revoked key in the audit log, with the number of invites if they were to be revoked
 * too.
 */
export function auditRevoked(
  { audit }: Caller,
  { invites, ...concerns }: Pick<EventDetails, 'accountId' | 'keyId'> & { invites: number | undefined },
): void {
  audit('key_revoked', { ...concerns, ...(invites !== undefined && { invites }) });
}
