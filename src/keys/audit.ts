import type { EventDetails } from '../audit.ts';
import type { AccountId, KeyId } from '../ids.ts';
import type { Caller } from '../service.ts';

/** Tells the audit log of a key once it is made, and not while that can still fail. @returns the key. */
export async function auditMade<Made extends { id: KeyId }>(
  { audit }: Caller,
  making: Promise<Made>,
  concerns: { accountId?: AccountId } = {},
): Promise<Made> {
  const made = await making;
  audit('key_created', { ...concerns, keyId: made.id });
  return made;
}

/** Tells the audit log of a revoked key, with the number of invites where they were to be revoked too. */
export function auditRevoked(
  { audit }: Caller,
  { invites, ...concerns }: Pick<EventDetails, 'accountId' | 'keyId'> & { invites: number | undefined },
): void {
  audit('key_revoked', { ...concerns, ...(invites !== undefined && { invites }) });
}
