import { Problem } from '../problems.ts';
import type { Service } from '../service.ts';
import { canonicalEmail } from './email-address.ts';
import type { Credentials } from './schemas.ts';
import { openSession } from './session.ts';
import { findUserByEmail, type UserRow } from './store.ts';

/** Logs in with address and password. @throws wrong-credentials. */
export async function logIn(service: Service, credentials: Credentials, now: Date) {
  const user = await requireCredentials(service, credentials);
  return openSession(service, service.db, user, now);
}

/**
 * The user whose address and password these are.
 * @throws wrong-credentials, after the same work whether the address is known or not.
 */
export async function requireCredentials(service: Service, { email, password }: Credentials): Promise<UserRow> {
  const user = await findUserByEmail(service.db, canonicalEmail(email) ?? '');
  const matches = await service.passwords.matches(password, user?.passwordHash);
  if (!user || !matches) throw new Problem('wrong-credentials');
  return user;
}
