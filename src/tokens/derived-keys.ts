import { createHmac, hkdfSync } from 'node:crypto';
import type { SigningKey, SigningKeys } from './keys.ts';

/**
 * Secrets derived from the signing keys (HKDF, RFC 5869), one for each purpose. All replicas derive
 * the same ones.
 */
export interface DerivedKeys {
  /**
   * The possible successors of a refresh token: by the current key, and by the other keys of the
   * set, which other replicas may use as their current one. Deterministic.
   */
  deriveSuccessors(refreshToken: string): [current: string, ...others: string[]];
  /**
   * A pseudonym of an e-mail address for the log: the same for the same address and signing key,
   * and not reversible.
   */
  pseudonymFor(email: string): string;
  /** The keys that encrypt page tokens: the current one, and those that older tokens may use. */
  pageTokens: [current: Uint8Array, ...others: Uint8Array[]];
}

export function deriveKeys({ current, byKid }: SigningKeys): DerivedKeys {
  const others = [...byKid.values()].filter(({ kid }) => kid !== current.kid);
  const rotation = 'usher refresh-token rotation';
  const [currentKey, otherKeys] = [derive(current, rotation), others.map((key) => derive(key, rotation))];
  const pseudonyms = derive(current, 'usher log pseudonyms');
  const pages = 'usher search page tokens';
  return {
    pageTokens: [derive(current, pages), ...others.map((key) => derive(key, pages))],
    deriveSuccessors: (refreshToken) => [
      mac(currentKey, refreshToken),
      ...otherKeys.map((key) => mac(key, refreshToken)),
    ],
    pseudonymFor: (email) => mac(pseudonyms, email).slice(0, 16),
  };
}

function derive({ privateKey }: SigningKey, purpose: string): Buffer {
  const { d = '' } = privateKey.export({ format: 'jwk' });
  return Buffer.from(hkdfSync('sha256', Buffer.from(d, 'base64url'), '', purpose, 32));
}

const mac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest('base64url');
