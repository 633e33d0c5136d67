import type { Caller, RequestContext } from '../../credentials/caller.ts';
import { platformUserId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { isApiKeySecret, parseApiKeySecret } from '../../tokens/api-key-secret.ts';
import { findOrCreateUser } from './provision.ts';

/**
 * Returns a function that finds the caller of a bearer token: one of our access tokens, an identity
 * provider's access token, or an API key. It returns undefined if the token does not verify.
 * Whether the session, user or key is still valid is checked later, during the request.
 * @throws identity-not-linked; unavailable if a provider's keys cannot be fetched.
 */
export function identifyCaller(
  service: Service,
): (token: string, requestContext: RequestContext) => Promise<Caller | undefined> {
  const { config, accessTokens, externalTokens } = service;
  return async (token, requestContext) => {
    if (isApiKeySecret(token)) return callerFromKey(token, requestContext);
    const claims = config.passwordLogin ? accessTokens.verify(token, requestContext.now) : undefined;
    if (claims) return { ...requestContext, ...claims, identityId: null, apiKey: null };
    const identity =
      config.identityProviders.length > 0 ? await externalTokens.verify(token, requestContext.now) : undefined;
    return (
      identity && {
        ...requestContext,
        ...(await findOrCreateUser(service, identity, requestContext)),
        sessionId: null,
        apiKey: null,
      }
    );
  };
}

function callerFromKey(text: string, requestContext: RequestContext): Caller | undefined {
  const key = parseApiKeySecret(text);
  if (!key) return undefined;
  const userId = key.kind === 'account' ? key.userId : platformUserId;
  return { ...requestContext, userId, sessionId: null, identityId: null, apiKey: key };
}
