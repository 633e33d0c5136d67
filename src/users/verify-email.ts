import { newId } from '../ids.ts';
import { Problem } from '../problems.ts';
import type { Service, Visit } from '../service.ts';
import { verifyVerificationToken } from './link-tokens.ts';
import { requirePasswordLogin } from './rules.ts';
import { openSession } from './sessions/session.ts';
import { deleteRegistrations, findRegistration, insertUser } from './store.ts';

/**
 * Turns a registration into a user, since whoever holds the link reads the mailbox, and logs them in. Works once. Whoever
 * registered may be someone else: the password that was given then is kept where it is given again, or where nobody
 * else has registered the address meanwhile; otherwise the user has none, and chooses one by a reset.
 * @throws verification-token-invalid where the link is not good, is too old, was used, or the address has a login by now.
 */
export async function verifyEmail(
  service: Service,
  { token, password }: { token: string; password?: string },
  visit: Visit,
) {
  requirePasswordLogin(service.config);
  const { db, passwords } = service;
  const { now } = visit;
  const id = await verifyVerificationToken(service, token, now);
  const registration = id && (await findRegistration(db, id, now));
  if (!registration) throw new Problem('verification-token-invalid');
  const { email, name, locale } = registration;
  const isTheirs = password === undefined ? undefined : await passwords.matches(password, registration.passwordHash);
  const { session, userId } = await db.transaction(async (tx) => {
    const taken = await deleteRegistrations(tx, email, now);
    if (!taken.some((it) => it.id === registration.id)) throw new Problem('verification-token-invalid');
    const passwordHash = (isTheirs ?? taken.length === 1) ? registration.passwordHash : null;
    const user = {
      id: newId('usr'),
      email,
      name,
      passwordHash,
      locale,
      createdAt: now,
      externalId: null,
      disabledAt: null,
    };
    if (!(await insertUser(tx, user))) throw new Problem('verification-token-invalid');
    return { session: await openSession(service, tx, user, visit), userId: user.id };
  });
  visit.audit('user_created', { userId, by: 'verify-email' });
  return session;
}
