import { createHmac, hkdfSync } from 'node:crypto';
import type { SigningKey, SigningKeys } from './keys.ts';

/** Secrets that replicas share because they share their signing keys, each good for one thing alone (RFC 5869, HKDF). */
export interface DerivedKeys {
  /**
   * The refresh tokens that may follow one, the same however often they are asked for: the one that follows it now, and those
   * that another replica would have chosen, on which another key of the set signs.
   */
  successorsOf(refreshToken: string): [current: string, ...others: string[]];
  /** What stands for an address in the log: the same for the same address and signing key, and telling nobody which. */
  pseudonymOf(email: string): string;
  /** What encrypts the page tokens of searches: the current key, and those that older tokens may have. */
  pageTokens: [current: Uint8Array, ...others: Uint8Array[]];
}

export function deriveKeys({ current, byKid }: SigningKeys): DerivedKeys {
  const others = [...byKid.values()].filter(({ kid }) => kid !== current.kid);
  const rotation = 'usher refresh-token rotation';
  const [newest, older] = [derive(current, rotation), others.map((key) => derive(key, rotation))];
  const pseudonyms = derive(current, 'usher log pseudonyms');
  const pages = 'usher search page tokens';
  return {
    pageTokens: [derive(current, pages), ...others.map((key) => derive(key, pages))],
    successorsOf: (refreshToken) => [mac(newest, refreshToken), ...older.map((key) => mac(key, refreshToken))],
    pseudonymOf: (email) => mac(pseudonyms, email).slice(0, 16),
  };
}

function derive({ privateKey }: SigningKey, purpose: string): Buffer {
  const { d = '' } = privateKey.export({ format: 'jwk' });
  return Buffer.from(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', purpose, 32));
}

const mac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest('base64url');
