import type { RequestContext } from '../../credentials/caller.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { canonicalEmail } from '../../text/email-address.ts';
import { requireEnabled, requirePasswordLogin } from '../rules.ts';
import type { Credentials } from '../schemas.ts';
import { openSession } from '../sessions/session.ts';
import { findLogin } from '../sessions/store.ts';
import type { UserRow } from '../store.ts';
import { rehashIfOutdated } from './rehash.ts';

/** Logs in with address and password. @throws what `requireCredentials` throws. */
export async function logIn(service: Service, credentials: Credentials, requestContext: RequestContext) {
  const user = await requireCredentials(service, credentials, requestContext);
  const session = await openSession(service, service.db, user, requestContext);
  requestContext.logSecurityEvent('authn_login_success', { userId: user.id, by: 'password' });
  return session;
}

/**
 * Finds the user with this address and password. Attempts are limited by address; those from a
 * network where the user has logged in before are counted separately, so that strangers cannot lock
 * a user out.
 * @throws wrong-credentials, after the same work whether or not the address has a user;
 * too-many-requests, user-disabled, password-login-off.
 */
export async function requireCredentials(
  service: Service,
  { email, password }: Credentials,
  { now, client }: RequestContext,
): Promise<UserRow> {
  requirePasswordLogin(service.config);
  const address = canonicalEmail(email) ?? '';
  const logDetails = { address: service.derivedKeys.pseudonymFor(address) };
  const login = await findLogin(service.db, address, client.network);
  const attempts = login?.isKnownNetwork
    ? ({ limit: 'login.known', of: `${address} ${client.network}` } as const)
    : ({ limit: 'login.address', of: address } as const);
  await service.limiter.requireWithin([attempts], now);
  const user = login?.user;
  const matches = await service.passwords.matches(password, user?.passwordHash);
  if (!user || !matches) throw new Problem('wrong-credentials', undefined, {}, { ...logDetails, userId: user?.id });
  requireEnabled(user);
  return rehashIfOutdated(service, user, password);
}
