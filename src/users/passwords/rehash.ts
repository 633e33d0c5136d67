import type { Service } from '../../service.ts';
import { findUser, type UserRow } from '../store.ts';
import { replacePasswordHash } from './store.ts';

/**
 * Hashes a password that was just found right anew, where its hash costs an attacker less than hashes do now.
 * @returns the user as they are then.
 */
export async function rehashIfOutdated({ db, passwords }: Service, user: UserRow, password: string): Promise<UserRow> {
  const { id, passwordHash } = user;
  if (passwordHash === null || !passwords.isOutdated(passwordHash)) return user;
  const renewed = await passwords.hash(password);
  if (await replacePasswordHash(db, id, passwordHash, renewed)) return { ...user, passwordHash: renewed };
  // Another login may have renewed it at the same moment; where the password itself was changed, it is right no more.
  const current = await findUser(db, id);
  return current && (await passwords.matches(password, current.passwordHash)) ? current : user;
}
