import { createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import { Problem } from '../problems/problem.ts';
import { type IdentityProvider, isTrustworthyUrl } from './identity-provider.ts';

// All times are in milliseconds.

/** A cached set is fetched again after this time. */
const freshFor = 600_000;
/** A cached set is used for this time if the provider does not answer. */
const usableFor = 3_600_000;
/** The minimum time between two fetches because of unknown key ids. */
const cooldown = 30_000;
/** After a failure, nothing is fetched for this time. */
const retryAfter = 10_000;
/** After a failure, callers with a usable set do not wait for the next fetch for this time. */
const outageWindow = 60_000;
/** The timeout of a fetch, including discovery and bodies. */
const fetchTimeout = 3_000;

const maxBytes = 256 * 1024;
const maxKeys = 100;

type KeySet = ReturnType<typeof createLocalJWKSet>;

/**
 * Finds the key for a token's header in the provider's key set.
 * @throws unavailable if the set cannot be fetched, or cannot be refreshed and has no such key; an
 * error of jose if the set has no such key.
 */
export type FindKey = (header: JWSHeaderParameters, now: Date) => ReturnType<KeySet>;

/**
 * Fetches and caches the key set of a provider. (jose's own remote set reads the system clock, does
 * not remember failures, and accepts bodies of any size.)
 */
export function providerKeys(provider: Pick<IdentityProvider, 'issuer' | 'jwksUri'>): FindKey {
  let cached: { set: KeySet; at: number } | undefined;
  let failure: { cause: unknown; at: number } | undefined;
  let fetching: Promise<void> | undefined;

  /** Refreshes the set. Concurrent callers share one fetch. Never rejects, but sets `failure`. */
  function refresh(at: number): Promise<void> {
    fetching ??= fetchKeySet(provider)
      .then((set) => {
        cached = { set, at };
        failure = undefined;
      })
      .catch((cause) => {
        failure = { cause, at };
      })
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  }

  async function currentSet(now: number): Promise<KeySet> {
    const isUsable = () => since(cached, now) < usableFor;
    if (since(cached, now) >= freshFor && since(failure, now) >= retryAfter) {
      const refreshed = refresh(now);
      if (!isUsable() || since(failure, now) >= outageWindow) await refreshed;
    }
    if (!cached || !isUsable()) throw unavailable(failure?.cause);
    return cached.set;
  }

  return async (header, at) => {
    const now = at.getTime();
    const set = await currentSet(now);
    try {
      return await set(header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    const mayRefresh = Math.min(since(cached, now), since(failure, now)) >= cooldown;
    if (mayRefresh) await refresh(now);
    if (failure) throw unavailable(failure.cause);
    return (await currentSet(now))(header);
  };
}

const since = (event: { at: number } | undefined, now: number) => (event ? now - event.at : Number.POSITIVE_INFINITY);

function unavailable(cause: unknown): Problem {
  const problem = new Problem(
    'unavailable',
    'The keys of the identity provider cannot be fetched right now. Try again later.',
  );
  problem.cause = cause;
  return problem;
}

/** Fetches a key set (RFC 7517, section 5). @throws an Error if it is not complete and valid. */
function fetchKeySet({ issuer, jwksUri }: Pick<IdentityProvider, 'issuer' | 'jwksUri'>): Promise<KeySet> {
  return withTimeout(async (signal) => {
    const set = (await fetchJson(jwksUri ?? (await discover(issuer, signal)), signal)) as JSONWebKeySet;
    const keySet = createLocalJWKSet(set);
    if (set.keys.length === 0) throw new Error(`the key set of ${issuer} is empty`);
    if (set.keys.length > maxKeys) throw new Error(`the key set of ${issuer} has more than ${maxKeys} keys`);
    return keySet;
  });
}

/**
 * Runs `work` with a timeout. The signal alone is not enough: fetch has only a weak reference to
 * it, and once it is garbage-collected, reading the body could wait forever.
 * @throws a TimeoutError.
 */
async function withTimeout<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(
    () => controller.abort(new DOMException('no response in time', 'TimeoutError')),
    fetchTimeout,
  );
  const timeout = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  try {
    return await Promise.race([work(signal), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** The URL of a provider's keys (OpenID Connect Discovery 1.0, section 4). */
async function discover(issuer: string, signal: AbortSignal): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = (await fetchJson(url, signal)) as { issuer?: unknown; jwks_uri?: unknown } | null;
  if (document?.issuer !== issuer) throw new Error(`${url} names another issuer`);
  if (typeof document.jwks_uri === 'string' && isTrustworthyUrl(document.jwks_uri)) return document.jwks_uri;
  throw new Error(`${url} names no trusted jwks_uri`);
}

async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  const accept = 'application/json, application/jwk-set+json';
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept } });
  if (response.status !== 200 || !response.body) throw new Error(`${url} answered ${response.status}`);
  const reader = response.body.getReader();
  signal.addEventListener('abort', () => reader.cancel().catch(() => undefined));
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    bytes += read.value.length;
    chunks.push(read.value);
    if (bytes > maxBytes) {
      await reader.cancel();
      throw new Error(`${url} answered with more than ${maxBytes} bytes`);
    }
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
