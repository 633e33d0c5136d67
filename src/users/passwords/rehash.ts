import type { Service } from '../../service.ts';
import { findUser, type UserRow } from '../store.ts';
import { replacePasswordHash } from './store.ts';

/**
 * Replaces the hash of a password that was just verified if it is weaker than a hash made now.
 * @returns the user with their current hash.
 */
export async function rehashIfOutdated({ db, passwords }: Service, user: UserRow, password: string): Promise<UserRow> {
  const { id, passwordHash } = user;
  if (passwordHash === null || !passwords.isOutdated(passwordHash)) return user;
  const newHash = await passwords.hash(password);
  if (await replacePasswordHash(db, id, passwordHash, newHash)) return { ...user, passwordHash: newHash };
  // A concurrent login may have replaced the hash, or the password itself was changed.
  const current = await findUser(db, id);
  return current && (await passwords.matches(password, current.passwordHash)) ? current : user;
}
