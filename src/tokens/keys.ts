import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';

/** An Ed25519 key pair (RFC 8037) and its key id (`kid`). */
export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/** The key set. The current key signs; all keys verify, and are found only by key id. */
export interface SigningKeys {
  current: SigningKey;
  byKid: ReadonlyMap<string, SigningKey>;
}

/**
 * Reads a JWK set (RFC 7517) of private keys. The first is the current one.
 * @throws an Error that says what is wrong and contains no part of a key.
 */
export function parseSigningKeys(text: string): SigningKeys {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    throw new Error('must be a JWK set in JSON');
  }
  const jwks = (set as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(jwks) || jwks.length === 0) throw new Error('must be a JWK set with at least one key in "keys"');
  const keys = jwks.map(parseKey);
  const byKid = new Map(keys.map((key) => [key.kid, key]));
  if (byKid.size !== keys.length) throw new Error('must not contain two keys with the same "kid"');
  return { current: keys[0] as SigningKey, byKid };
}

function parseKey(jwk: JsonWebKey & { kid?: unknown }, index: number): SigningKey {
  const label = `key ${index + 1} of the set`;
  if (typeof jwk?.kid !== 'string' || jwk.kid === '') throw new Error(`${label} must have a "kid"`);
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519' || !jwk.d) {
    throw new Error(`${label} must be an Ed25519 private key (kty OKP, crv Ed25519, with d)`);
  }
  try {
    const privateKey = createPrivateKey({ key: jwk, format: 'jwk' });
    return { kid: jwk.kid, privateKey, publicKey: createPublicKey(privateKey) };
  } catch {
    throw new Error(`${label} is not a valid Ed25519 private key`);
  }
}

/** Generates a JWK set with one key, as JSON. The key id is the thumbprint (RFC 7638). */
export async function generateSigningKeys(): Promise<string> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  return `${JSON.stringify({ keys: [{ ...jwk, kid, alg: 'EdDSA', use: 'sig' }] }, null, 2)}\n`;
}

/**
 * Loads the signing keys from a folder. Generates them if there are none. Safe with concurrent
 * processes.
 */
export async function loadOrCreateSigningKeys(folder: string): Promise<SigningKeys> {
  const file = join(folder, 'signing-keys.json');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const existing = await readFile(file, 'utf8').catch(() => undefined);
  if (existing !== undefined) return parseSigningKeys(existing);
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, await generateSigningKeys(), { mode: 0o600 });
  // Linking is atomic, and fails if another process was first.
  await link(draft, file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await rm(draft);
  return parseSigningKeys(await readFile(file, 'utf8'));
}

/** The public keys, as a JWK set. */
export function publicKeySet({ byKid }: SigningKeys) {
  const keys = [...byKid.values()].map(({ kid, publicKey }) => {
    const { x = '' } = publicKey.export({ format: 'jwk' });
    return { kty: 'OKP', crv: 'Ed25519', x, kid, alg: 'EdDSA', use: 'sig' };
  });
  return { keys };
}
