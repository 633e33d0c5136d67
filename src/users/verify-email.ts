import { newId, type RegistrationId } from '../ids.ts';
import { Problem } from '../problems.ts';
import type { Service } from '../service.ts';
import { openSession } from './session.ts';
import { deleteRegistration, insertUser } from './store.ts';
import { verifyVerificationToken } from './verification-token.ts';

/**
 * Turns a registration into a user, since whoever holds the link reads the mailbox, and logs them in. Works once.
 * @throws verification-token-invalid where the link is not good, is too old, was used, or the address has a login by now.
 */
export async function verifyEmail(service: Service, { token }: { token: string }, now: Date) {
  const id: RegistrationId | undefined = await verifyVerificationToken(service, token, now);
  if (id === undefined) throw new Problem('verification-token-invalid');
  return service.db.transaction(async (tx) => {
    const registration = await deleteRegistration(tx, id, now);
    if (!registration) throw new Problem('verification-token-invalid');
    const { email, name, passwordHash } = registration;
    const user = { id: newId('usr'), email, name, passwordHash, createdAt: now };
    if (!(await insertUser(tx, user))) throw new Problem('verification-token-invalid');
    return openSession(service, tx, user, now);
  });
}
