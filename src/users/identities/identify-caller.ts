import type { Caller, RequestContext } from '../../credentials/caller.ts';
import { platformUserId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { isApiKeySecret, parseApiKeySecret } from '../../tokens/key-text.ts';
import { userOfIdentity } from './provision.ts';

/**
 * Whom a credential names: an access token of ours, one of an identity provider's, or a key for machines. Undefined where it does
 * not verify. Whether the session, the user or the key still stands is read later, inside the request.
 * @throws identity-not-linked, and unavailable where a provider's keys can't be had.
 */
export function identifyCaller(
  service: Service,
): (token: string, requestContext: RequestContext) => Promise<Caller | undefined> {
  const { config, accessTokens, externalTokens } = service;
  return async (token, requestContext) => {
    if (isApiKeySecret(token)) return callerOfKey(token, requestContext);
    const named = config.passwordLogin ? accessTokens.verify(token, requestContext.now) : undefined;
    if (named) return { ...requestContext, ...named, identityId: null, apiKey: null };
    const external =
      config.identityProviders.length > 0 ? await externalTokens.verify(token, requestContext.now) : undefined;
    return (
      external && {
        ...requestContext,
        ...(await userOfIdentity(service, external, requestContext)),
        sessionId: null,
        apiKey: null,
      }
    );
  };
}

function callerOfKey(text: string, requestContext: RequestContext): Caller | undefined {
  const key = parseApiKeySecret(text);
  if (!key) return undefined;
  const userId = key.kind === 'account' ? key.userId : platformUserId;
  return { ...requestContext, userId, sessionId: null, identityId: null, apiKey: key };
}
