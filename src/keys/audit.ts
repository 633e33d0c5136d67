import type { AccountId, KeyId } from '../ids.ts';
import type { Caller } from '../service.ts';

/** Tells the audit log of a key once it is made, and not while that can still fail. @returns the key. */
export async function tellMade<Made extends { id: KeyId }>(
  { audit }: Caller,
  making: Promise<Made>,
  concerns: { accountId?: AccountId } = {},
): Promise<Made> {
  const made = await making;
  audit('key_created', { ...concerns, keyId: made.id });
  return made;
}
