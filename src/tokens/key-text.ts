import { randomBytes } from 'node:crypto';
import { type AccountId, type ApiKeyId, idOf, type UserId, uuidOf } from '../ids/ids.ts';
import { sha256 } from '../text/hashes.ts';

/** What a key for machines names: itself, and, where it is an account's, the account and the member as whom it acts. */
export type ApiKeyIds =
  | { kind: 'account'; id: ApiKeyId; accountId: AccountId; userId: UserId }
  | { kind: 'platform'; id: ApiKeyId };

/** A key as it is read: what it says it names, and the hash by which it is known whether that is true. */
export type ParsedApiKey = ApiKeyIds & { hash: string };

/** How each kind begins, so that it is known for what it is wherever it turns up. */
const prefixes = { account: 'uak_', platform: 'upk_' } as const;
/** Bytes. */
const secretLength = 32;
const idLength = 16;
/** Characters of a key that are kept and shown, to tell it from others. */
const shownLength = 16;

/**
 * Makes a key: opaque text of the ids that it names and 256 random bits, in the URL-safe alphabet (RFC 4648, section 5). It is
 * shown once; only its hash is kept.
 */
export function newApiKeySecret(names: ApiKeyIds): { text: string; hash: string } {
  const secret = randomBytes(secretLength);
  const ids = idsOf(names).map((uuid) => Buffer.from(uuid.replaceAll('-', ''), 'hex'));
  return { text: prefixes[names.kind] + Buffer.concat([...ids, secret]).toString('base64url'), hash: sha256(secret) };
}

/** What of a key is shown ever after. It is the beginning of its id, and holds nothing of its secret. */
export function shownPrefix(names: ApiKeyIds): string {
  const [uuid = ''] = idsOf(names);
  return (prefixes[names.kind] + Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64url')).slice(
    0,
    shownLength,
  );
}

export const isApiKeySecret = (text: string) => Object.values(prefixes).some((it) => text.startsWith(it));

/** Reads a key; undefined for anything that is none. A key has one spelling. Whether it counts is for the database to say. */
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

function idsOf(names: ApiKeyIds): string[] {
  const id = uuidOf('key', names.id);
  return names.kind === 'platform' ? [id] : [id, uuidOf('acc', names.accountId), uuidOf('usr', names.userId)];
}

function uuidAt(bytes: Buffer, start: number): string {
  const hex = bytes.subarray(start, start + idLength).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
