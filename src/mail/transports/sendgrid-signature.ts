import { createPublicKey, createVerify, type KeyObject } from 'node:crypto';

/** Seconds by which the timestamp of a signed request may differ from now. */
export const signatureTolerance = 600;

/**
 * Reads the verification keys of SendGrid's Signed Event Webhook, as SendGrid shows them: public
 * keys (SPKI, DER) in Base64, separated by commas. Several keys allow rotation.
 */
export function parseWebhookKeys(text: string): KeyObject[] {
  return text.split(',').map((it) => {
    try {
      const key = createPublicKey({ key: Buffer.from(it.trim(), 'base64'), format: 'der', type: 'spki' });
      if (key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return key;
    } catch {
      // The same error as for a key of the wrong type.
    }
    throw new Error('must be ECDSA public keys in Base64, as SendGrid shows them, separated by commas');
  });
}

/** A request, with its signature headers. */
export interface Signed {
  signature: string | undefined;
  timestamp: string | undefined;
  body: Buffer;
}

/**
 * Whether a request was signed by one of the keys just now: ECDSA with SHA-256 over the timestamp
 * and the raw body.
 */
export function isSignedBySendgrid(
  keys: readonly KeyObject[],
  { signature, timestamp, body }: Signed,
  now: Date,
): boolean {
  if (signature === undefined || timestamp === undefined || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(now.getTime() / 1000 - Number(timestamp)) > signatureTolerance) return false;
  const bytes = Buffer.from(signature, 'base64');
  return keys.some((key) => createVerify('sha256').update(timestamp).update(body).verify(key, bytes));
}
