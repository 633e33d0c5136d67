import type { RequestContext } from '../../credentials/caller.ts';
import { transaction } from '../../database/transaction.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { verifyVerificationToken } from '../link-tokens.ts';
import { requireGoodPassword } from '../passwords/policy.ts';
import { requirePasswordLogin } from '../rules.ts';
import type { VerifyEmailRequest } from '../schemas.ts';
import { openSession } from '../sessions/session.ts';
import { insertUser, newUserRow } from '../store.ts';
import { deleteRegistrations, findRegistration } from './store.ts';

/**
 * Creates the user of a registration and opens a session. The link proves access to the mailbox, so
 * the name and the password are accepted only together with it. A refusal leaves the link valid;
 * success deletes every registration of the address.
 * @throws verification-token-invalid if the token does not verify, has expired or was used, or the
 * address has a login by now; invalid-request for a password that is easy to guess;
 * password-login-off.
 */
export async function verifyEmail(
  service: Service,
  { token, name, password }: VerifyEmailRequest,
  requestContext: RequestContext,
) {
  requirePasswordLogin(service.config);
  const { db, passwords } = service;
  const { now } = requestContext;
  const id = await verifyVerificationToken(service, token, now);
  const registration = id && (await findRegistration(db, id, now));
  if (!registration) throw new Problem('verification-token-invalid');
  const { email, locale } = registration;
  requireGoodPassword(password, '/password', { email, name });
  const passwordHash = await passwords.hash(password);
  const user = newUserRow({ email, name, passwordHash, locale, createdAt: now });
  const session = await transaction(db, async (tx) => {
    const deleted = await deleteRegistrations(tx, email);
    if (!deleted.includes(registration.id)) throw new Problem('verification-token-invalid');
    if (!(await insertUser(tx, user))) throw new Problem('verification-token-invalid');
    return openSession(service, tx, user, requestContext);
  });
  requestContext.logSecurityEvent('user_created', { userId: user.id, by: 'verify-email' });
  return session;
}
