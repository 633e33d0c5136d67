import type { RequestContext } from '../../credentials/caller.ts';
import { transaction } from '../../database/transaction.ts';
import { type IdentityId, newId, type UserId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import type { ExternalIdentity } from '../../tokens/external-token.ts';
import { insertUser, newUserRow } from '../store.ts';
import { findIdentity, insertIdentity } from './store.ts';

/**
 * The user whom an identity provider's token names, by issuer and subject and by nothing else. Someone who was never here
 * becomes a user where the provider vouches for their address and nobody has it: an address alone never adopts a login. It
 * makes no membership.
 * @throws identity-not-linked.
 */
export async function userOfIdentity(
  { db }: Pick<Service, 'db'>,
  identity: ExternalIdentity,
  { now, logSecurityEvent }: RequestContext,
): Promise<{ userId: UserId; identityId: IdentityId }> {
  const { issuer, subject, email } = identity;
  const known = await findIdentity(db, issuer, subject);
  if (known) return { userId: known.userId, identityId: known.id };
  if (email === undefined) throw notLinked('The access token carries no verified address.');
  const user = newUserRow({ email, name: nameOf(identity, email), passwordHash: null, locale: null, createdAt: now });
  const row = { id: newId('idn'), userId: user.id, issuer, subject, createdAt: now };
  const isNew = await transaction(db, async (tx) => {
    if (!(await insertUser(tx, user))) return false;
    // Two first tokens of one subject with two addresses, at the same moment: the user goes again.
    if (!(await insertIdentity(tx, row))) throw knownMeanwhile;
    return true;
  }).catch((error) => {
    if (error === knownMeanwhile) return false;
    throw error;
  });
  if (isNew) {
    logSecurityEvent('user_created', { userId: user.id, identityId: row.id, by: 'identity' });
    return { userId: user.id, identityId: row.id };
  }
  // Another request with the same token may have been first.
  const other = await findIdentity(db, issuer, subject);
  if (!other) throw notLinked('A login with this address exists.');
  return { userId: other.userId, identityId: other.id };
}

/** Takes the user of a lost race back, and is seen by nobody. */
const knownMeanwhile = new Error('the identity is known meanwhile');

const notLinked = (detail: string) => new Problem('identity-not-linked', detail);

const nameOf = ({ name }: ExternalIdentity, email: string) =>
  name ?? email.slice(0, email.lastIndexOf('@')).slice(0, 100);
