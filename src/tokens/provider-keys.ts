import { createLocalJWKSet, errors, type JSONWebKeySet, type JWSHeaderParameters } from 'jose';
import { Problem } from '../problems/problem.ts';
import { type IdentityProvider, isTrustworthyUrl } from './identity-provider.ts';

/** Milliseconds that a set is used without asking for it again, and at most, while the provider does not answer. */
const freshFor = 600_000;
const usableFor = 3_600_000;
/** Milliseconds between two fetches for the sake of a key that is not in the set, however many such keys are named. */
const coolDown = 30_000;
/** Milliseconds after a failure during which nothing is asked, and during which nobody who has a set waits for the answer. */
const failureLasts = 10_000;
const outageLasts = 60_000;
/** Milliseconds that one fetch may take, discovery and bodies included. */
const patience = 3_000;

const bytesAtMost = 256 * 1024;
const keysAtMost = 100;

type KeySet = ReturnType<typeof createLocalJWKSet>;

/**
 * Finds the key that a token's header names, in the provider's own set and nowhere else.
 * @throws Problem('unavailable') where the set can't be had, or can't be had anew and does not hold the key; an error of jose's
 * where the set does not hold it.
 */
export type FindKey = (header: JWSHeaderParameters, now: Date) => ReturnType<KeySet>;

/**
 * Keeps the key set of a provider. (jose's own remote set reads the clock, remembers no failure, and takes a body of any
 * size.)
 */
export function providerKeys(provider: Pick<IdentityProvider, 'issuer' | 'jwksUri'>): FindKey {
  let kept: { set: KeySet; at: number } | undefined;
  let failure: { cause: unknown; at: number } | undefined;
  let fetching: Promise<void> | undefined;

  /** One fetch at a time, which all who wait share. Whether it went well is seen in `failure`. */
  function refresh(at: number): Promise<void> {
    fetching ??= fetchKeySet(provider)
      .then((set) => {
        kept = { set, at };
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
    const isUsable = () => since(kept, now) < usableFor;
    if (since(kept, now) >= freshFor && since(failure, now) >= failureLasts) {
      const refreshed = refresh(now);
      if (!isUsable() || since(failure, now) >= outageLasts) await refreshed;
    }
    if (!kept || !isUsable()) throw unavailable(failure?.cause);
    return kept.set;
  }

  return async (header, at) => {
    const now = at.getTime();
    const set = await currentSet(now);
    try {
      return await set(header);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    const mayAsk = Math.min(since(kept, now), since(failure, now)) >= coolDown;
    if (mayAsk) await refresh(now);
    if (failure) throw unavailable(failure.cause);
    return (await currentSet(now))(header);
  };
}

const since = (event: { at: number } | undefined, now: number) => (event ? now - event.at : Number.POSITIVE_INFINITY);

function unavailable(cause: unknown): Problem {
  const problem = new Problem('unavailable', 'The keys of the identity provider can’t be had right now.');
  problem.cause = cause;
  return problem;
}

/** A key set (RFC 7517, section 5), from where the provider is configured or says that it is. @throws where it can't be had whole. */
function fetchKeySet({ issuer, jwksUri }: Pick<IdentityProvider, 'issuer' | 'jwksUri'>): Promise<KeySet> {
  return inTime(async (signal) => {
    const set = (await fetchJson(jwksUri ?? (await discover(issuer, signal)), signal)) as JSONWebKeySet;
    const keySet = createLocalJWKSet(set);
    if (set.keys.length === 0) throw new Error(`the key set of ${issuer} is empty`);
    if (set.keys.length > keysAtMost) throw new Error(`the key set of ${issuer} has more than ${keysAtMost} keys`);
    return keySet;
  });
}

/**
 * Gives up after a while, by a signal and by itself: fetch holds its signal weakly, and may forget it before the body is
 * whole, which would then be waited for without end.
 * @throws a TimeoutError.
 */
async function inTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const timer = setTimeout(() => controller.abort(new DOMException('no answer in time', 'TimeoutError')), patience);
  const late = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  try {
    return await Promise.race([work(signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Where a provider's keys are (OpenID Connect Discovery 1.0, section 4). */
async function discover(issuer: string, signal: AbortSignal): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const document = (await fetchJson(url, signal)) as { issuer?: unknown; jwks_uri?: unknown } | null;
  if (document?.issuer !== issuer) throw new Error(`${url} names another issuer`);
  if (typeof document.jwks_uri === 'string' && isTrustworthyUrl(document.jwks_uri)) return document.jwks_uri;
  throw new Error(`${url} names no jwks_uri that can be trusted`);
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
    if (bytes > bytesAtMost) {
      await reader.cancel();
      throw new Error(`${url} answered with more than ${bytesAtMost} bytes`);
    }
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
