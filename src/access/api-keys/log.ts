import type { Caller } from '../../credentials/caller.ts';
import type { AccountId, ApiKeyId } from '../../ids/ids.ts';
import type { SecurityEventDetails } from '../../telemetry/security-events.ts';

/**
 * Logs the creation of a key once it has succeeded.
 * @returns the created key.
 */
export async function logKeyCreated<CreatedKey extends { id: ApiKeyId }>(
  { logSecurityEvent }: Caller,
  creation: Promise<CreatedKey>,
  logDetails: { accountId?: AccountId } = {},
): Promise<CreatedKey> {
  const key = await creation;
  logSecurityEvent('key_created', { ...logDetails, keyId: key.id });
  return key;
}

/**
 * Logs the revocation of a key.
 * @param invites the number of revoked invites; undefined if the request did not ask to revoke any.
 */
export function logKeyRevoked(
  { logSecurityEvent }: Caller,
  { invites, ...logDetails }: Pick<SecurityEventDetails, 'accountId' | 'keyId'> & { invites: number | undefined },
): void {
  logSecurityEvent('key_revoked', { ...logDetails, ...(invites !== undefined && { invites }) });
}
