import { createPublicKey, createVerify, type KeyObject } from 'node:crypto';

/** Seconds that a signed request may be older, or by the sender's clock younger, than now. */
export const signatureTolerance = 600;

/**
 * Reads the verification keys of SendGrid's Signed Event Webhook, as its page shows them: Base64 of a public key (SPKI, DER), parted
 * by commas. Several, so that one can follow the other.
 */
export function parseWebhookKeys(text: string): KeyObject[] {
  return text.split(',').map((it) => {
    try {
      const key = createPublicKey({ key: Buffer.from(it.trim(), 'base64'), format: 'der', type: 'spki' });
      if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
    } catch {
      // The same answer as for a key of another kind.
    }
    throw new Error('must be ECDSA public keys in Base64, as SendGrid shows them, parted by commas');
  });
}

/** What SendGrid says of itself beside a body. */
export interface Signed {
  signature: string | undefined;
  timestamp: string | undefined;
  body: Buffer;
}

/**
 * Whether a request is SendGrid's and was signed just now: ECDSA with SHA-256 over the timestamp and the bytes of the body as
 * they came, by one of the keys.
 */
export function isSignedBySendgrid(
  keys: readonly KeyObject[],
  { signature, timestamp, body }: Signed,
  now: Date,
): boolean {
  if (signature === undefined || timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > signatureTolerance) return false;
  const given = Buffer.from(signature, 'base64');
  return keys.some((key) => createVerify('sha256').update(timestamp).update(body).verify(key, given));
}
