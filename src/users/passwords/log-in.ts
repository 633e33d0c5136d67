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

/** Logs in with address and password. @throws wrong-credentials, too-many-requests, user-disabled, password-login-off. */
export async function logIn(service: Service, credentials: Credentials, requestContext: RequestContext) {
  const user = await requireCredentials(service, credentials, requestContext);
  const session = await openSession(service, service.db, user, requestContext);
  requestContext.logSecurityEvent('authn_login_success', { userId: user.id, by: 'password' });
  return session;
}

/**
 * The user whose address and password these are. Tries for one address are limited; from where its user has logged in before
 * they are counted apart, so that a stranger's tries shut nobody out.
 * @throws wrong-credentials, after the same work whether the address is known or not; too-many-requests, user-disabled,
 * password-login-off.
 */
export async function requireCredentials(
  service: Service,
  { email, password }: Credentials,
  { now, client }: RequestContext,
): Promise<UserRow> {
  requirePasswordLogin(service.config);
  const address = canonicalEmail(email) ?? '';
  const logDetails = { address: service.derivedKeys.pseudonymOf(address) };
  const found = await findLogin(service.db, address, client.network);
  const tries = found?.isKnownNetwork
    ? ({ limit: 'login.known', of: `${address} ${client.network}` } as const)
    : ({ limit: 'login.address', of: address } as const);
  await service.limiter.requireWithin([tries], now);
  const user = found?.user;
  const matches = await service.passwords.matches(password, user?.passwordHash);
  if (!user || !matches) throw new Problem('wrong-credentials', undefined, {}, { ...logDetails, userId: user?.id });
  requireEnabled(user);
  return rehashIfOutdated(service, user, password);
}
