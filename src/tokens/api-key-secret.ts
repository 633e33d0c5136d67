import { randomBytes } from 'node:crypto';
import { type AccountId, type ApiKeyId, idOf, type UserId, uuidOf } from '../ids/ids.ts';
import { sha256 } from '../text/hashes.ts';

/**
 * The ids in an API key: its own, and for an account key also those of the account and the member
 * it acts as.
 */
export type ApiKeyIds =
  | { kind: 'account'; id: ApiKeyId; accountId: AccountId; userId: UserId }
  | { kind: 'platform'; id: ApiKeyId };

/** A parsed API key. The ids are not verified until the hash is compared with the stored one. */
export type ParsedApiKey = ApiKeyIds & { hash: string };

/** The prefix of each kind, so that secret scanners recognise keys. */
const prefixes = { account: 'uak_', platform: 'upk_' } as const;
/** Bytes. */
const secretLength = 32;
const idLength = 16;
/** How many characters of a key are stored and shown. */
const displayLength = 16;

/**
 * Creates the text of an API key: its ids and 256 random bits in base64url (RFC 4648, section 5).
 * The text is shown once; only the hash of the random bits is stored.
 */
export function newApiKeySecret(ids: ApiKeyIds): { text: string; hash: string } {
  const secret = randomBytes(secretLength);
  const idBytes = uuidsIn(ids).map((uuid) => Buffer.from(uuid.replaceAll('-', ''), 'hex'));
  return { text: prefixes[ids.kind] + Buffer.concat([...idBytes, secret]).toString('base64url'), hash: sha256(secret) };
}

/**
 * The start of a key, to recognise it by. It contains a part of the id, and nothing of the secret.
 */
export function displayPrefix(ids: ApiKeyIds): string {
  const [uuid = ''] = uuidsIn(ids);
  return (prefixes[ids.kind] + Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64url')).slice(
    0,
    displayLength,
  );
}

export const isApiKeySecret = (text: string) => Object.values(prefixes).some((it) => text.startsWith(it));

/**
 * Parses an API key; undefined if the text is not a key. Each key has exactly one valid spelling.
 * Does not check whether the key exists or is active.
 */
export function parseApiKeySecret(text: string): ParsedApiKey | undefined {
  const kind = text.startsWith(prefixes.account) ? 'account' : 'platform';
  const encoded = text.slice(prefixes[kind].length);
  const bytes = Buffer.from(encoded, 'base64url');
  const count = kind === 'account' ? 3 : 1;
  if (bytes.length !== count * idLength + secretLength || bytes.toString('base64url') !== encoded) return undefined;
  const [id = '', account = '', user = ''] = Array.from({ length: count }, (_, i) => uuidAt(bytes, i * idLength));
  const hash = sha256(bytes.subarray(count * idLength));
  if (kind === 'platform') return { kind, id: idOf('key', id), hash };
  return { kind, id: idOf('key', id), accountId: idOf('acc', account), userId: idOf('usr', user), hash };
}

function uuidsIn(ids: ApiKeyIds): string[] {
  const id = uuidOf('key', ids.id);
  return ids.kind === 'platform' ? [id] : [id, uuidOf('acc', ids.accountId), uuidOf('usr', ids.userId)];
}

function uuidAt(bytes: Buffer, start: number): string {
  const hex = bytes.subarray(start, start + idLength).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
