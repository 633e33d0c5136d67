import type { Caller, Service, Visit } from '../service.ts';
import { userOfIdentity } from './identities/provision.ts';

/**
 * Whom an access token names: one of ours, or one of an identity provider's. Undefined where it does not verify. Whether the
 * session or the user still stands is read later, inside the request.
 * @throws identity-not-linked, and unavailable where a provider's keys can't be had.
 */
export function identifyCaller(service: Service): (token: string, visit: Visit) => Promise<Caller | undefined> {
  const { config, accessTokens, externalTokens } = service;
  return async (token, visit) => {
    const named = config.passwordLogin ? accessTokens.verify(token, visit.now) : undefined;
    if (named) return { ...visit, ...named, identityId: null };
    const external = config.identityProviders.length > 0 ? await externalTokens.verify(token, visit.now) : undefined;
    return external && { ...visit, ...(await userOfIdentity(service, external, visit)), sessionId: null };
  };
}
