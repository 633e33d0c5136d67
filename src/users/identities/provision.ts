import type { RequestContext } from '../../credentials/caller.ts';
import { transaction } from '../../database/transaction.ts';
import { type IdentityId, newId, type UserId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import type { ExternalIdentity } from '../../tokens/external-token.ts';
import { insertUser, newUserRow } from '../store.ts';
import { findIdentity, insertIdentity } from './store.ts';

/**
 * Finds the user of an external identity by its issuer and subject. If the identity is new, creates
 * a user, provided that the identity has a verified address and no user has that address: an
 * address alone never links an identity to an existing user. Creates no membership.
 * @throws identity-not-linked.
 */
export async function findOrCreateUser(
  { db }: Pick<Service, 'db'>,
  identity: ExternalIdentity,
  { now, logSecurityEvent }: RequestContext,
): Promise<{ userId: UserId; identityId: IdentityId }> {
  const { issuer, subject, email } = identity;
  const existing = await findIdentity(db, issuer, subject);
  if (existing) return { userId: existing.userId, identityId: existing.id };
  if (email === undefined) throw notLinked('The access token has no verified e-mail address.');
  const user = newUserRow({
    email,
    name: displayNameFrom(identity, email),
    passwordHash: null,
    locale: null,
    createdAt: now,
  });
  const row = { id: newId('idn'), userId: user.id, issuer, subject, createdAt: now };
  const isNew = await transaction(db, async (tx) => {
    if (!(await insertUser(tx, user))) return false;
    // A concurrent request with the same subject and another address was first: roll back.
    if (!(await insertIdentity(tx, row))) throw identityExists;
    return true;
  }).catch((error) => {
    if (error === identityExists) return false;
    throw error;
  });
  if (isNew) {
    logSecurityEvent('user_created', { userId: user.id, identityId: row.id, by: 'identity' });
    return { userId: user.id, identityId: row.id };
  }
  // A concurrent request with the same identity may have been first.
  const winner = await findIdentity(db, issuer, subject);
  if (!winner) throw notLinked('A user with this e-mail address already exists.');
  return { userId: winner.userId, identityId: winner.id };
}

/** Rolls back the transaction of a request that lost the race. Never leaves this module. */
const identityExists = new Error('the identity already exists');

const notLinked = (detail: string) => new Problem('identity-not-linked', detail);

const displayNameFrom = ({ name }: ExternalIdentity, email: string) =>
  name ?? email.slice(0, email.lastIndexOf('@')).slice(0, 100);
