import type { Caller } from '../../credentials/caller.ts';
import type { AccountId, ApiKeyId } from '../../ids/ids.ts';
import type { SecurityEventDetails } from '../../telemetry/security-events.ts';

/**
 * Records a key in the audit log once it is made, not while that can still fail.
 * @returns the key.
 */
export async function logKeyCreated<Made extends { id: ApiKeyId }>(
  { logSecurityEvent }: Caller,
  making: Promise<Made>,
  logDetails: { accountId?: AccountId } = {},
): Promise<Made> {
  const made = await making;
  logSecurityEvent('key_created', { ...logDetails, keyId: made.id });
  return made;
}

/**
 * Records a revoked key in the audit log, with the number of invites if they were to be revoked
 * too.
 */
export function logKeyRevoked(
  { logSecurityEvent }: Caller,
  { invites, ...logDetails }: Pick<SecurityEventDetails, 'accountId' | 'keyId'> & { invites: number | undefined },
): void {
  logSecurityEvent('key_revoked', { ...logDetails, ...(invites !== undefined && { invites }) });
}
