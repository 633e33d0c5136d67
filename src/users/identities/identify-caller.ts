import type { Caller, Visit } from '../../credentials/caller.ts';
import { platformUserId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { isKeyText, readKeyText } from '../../tokens/key-text.ts';
import { userOfIdentity } from './provision.ts';

/**
 * Whom a credential names: an access token of ours, one of an identity provider's, or a key for machines. Undefined where it does
 * not verify. Whether the session, the user or the key still stands is read later, inside the request.
 * @throws identity-not-linked, and unavailable where a provider's keys can't be had.
 */
export function identifyCaller(service: Service): (token: string, visit: Visit) => Promise<Caller | undefined> {
  const { config, accessTokens, externalTokens } = service;
  return async (token, visit) => {
    if (isKeyText(token)) return callerOfKey(token, visit);
    const named = config.passwordLogin ? accessTokens.verify(token, visit.now) : undefined;
    if (named) return { ...visit, ...named, identityId: null, key: null };
    const external = config.identityProviders.length > 0 ? await externalTokens.verify(token, visit.now) : undefined;
    return external && { ...visit, ...(await userOfIdentity(service, external, visit)), sessionId: null, key: null };
  };
}

function callerOfKey(text: string, visit: Visit): Caller | undefined {
  const key = readKeyText(text);
  if (!key) return undefined;
  const userId = key.kind === 'account' ? key.userId : platformUserId;
  return { ...visit, userId, sessionId: null, identityId: null, key };
}
