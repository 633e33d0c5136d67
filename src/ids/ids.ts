import { typeidUnboxed } from 'typeid-js';
import { base32OfUuid, uuidOfBase32 } from './type-id.ts';

/** The prefixes of ids, one for each kind. */
export type IdPrefix =
  | 'acc'
  | 'usr'
  | 'mem'
  | 'rol'
  | 'grt'
  | 'key'
  | 'inv'
  | 'ses'
  | 'idn'
  | 'reg'
  | 'rst'
  | 'emc'
  | 'dlv'
  | 'evt';

/**
 * A TypeID (https://github.com/jetify-com/typeid, version 0.3.0): a prefix for the kind, and a UUID
 * version 7 (RFC 9562) in Crockford's base 32. Ids of one kind sort by creation time.
 */
export type Id<P extends IdPrefix> = `${P}_${string}`;

export type AccountId = Id<'acc'>;
export type UserId = Id<'usr'>;
export type MembershipId = Id<'mem'>;
export type RoleId = Id<'rol'>;
export type GrantId = Id<'grt'>;
export type ApiKeyId = Id<'key'>;
export type InviteId = Id<'inv'>;
export type SessionId = Id<'ses'>;
export type IdentityId = Id<'idn'>;
export type RegistrationId = Id<'reg'>;
export type PasswordResetId = Id<'rst'>;
export type EmailChangeId = Id<'emc'>;
export type DeliveryId = Id<'dlv'>;
export type DeliveryEventId = Id<'evt'>;

/**
 * The user that owns an account until its invited owner accepts. Nobody can log in as this user.
 */
export const platformUserId: UserId = 'usr_00000000000000000000000000';

/**
 * The account of rows that belong to no account, such as the mail of a password reset. There is no
 * account with this id: it is stored instead of null, which a distribution column can't contain.
 */
export const platformAccountId: AccountId = 'acc_00000000000000000000000000';

export function newId<P extends IdPrefix>(prefix: P): Id<P> {
  return typeidUnboxed(prefix) as string as Id<P>;
}

/** A regular expression for ids of one kind, as text for a JSON Schema. */
export function idPattern(prefix: IdPrefix): string {
  return `^${prefix}_[0-7][0-9a-hjkmnp-tv-z]{25}$`;
}

/**
 * The UUID of an id, as database columns store it.
 * @throws RangeError if it is not an id of this kind.
 */
export function uuidOf<P extends IdPrefix>(prefix: P, id: Id<P>): string {
  if (!id.startsWith(`${prefix}_`)) throw new RangeError(`not an id of the kind ${prefix}_…`);
  return uuidOfBase32(id.slice(prefix.length + 1));
}

/** The id of a UUID from a database column. @throws RangeError if the text is not a UUID. */
export function idOf<P extends IdPrefix>(prefix: P, uuid: string): Id<P> {
  return `${prefix}_${base32OfUuid(uuid)}`;
}
