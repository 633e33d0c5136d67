import type { Service } from '../service.ts';
import { hashOf } from './session.ts';
import { markSessionEnded, useRefreshToken } from './store.ts';

/** Ends the session of a refresh token, an old one too. A token that never was ends nothing, and is answered the same. */
export async function logOut(service: Service, { refreshToken }: { refreshToken: string }, now: Date): Promise<void> {
  await service.db.transaction(async (tx) => {
    const used = await useRefreshToken(tx, hashOf(refreshToken), now);
    if (used) await markSessionEnded(tx, used.sessionId, now);
  });
}
