import { and, asc, eq } from 'drizzle-orm';
import type { Db, Tx } from '../../database/database.ts';
import { identities } from '../../database/schema.ts';
import { placeholderFor, prepared } from '../../database/statements.ts';
import type { IdentityId, UserId } from '../../ids/ids.ts';

export type IdentityRow = typeof identities.$inferSelect;

const identityByIssuerAndSubject = prepared('find_identity', (db) =>
  db
    .select()
    .from(identities)
    .where(
      and(
        eq(identities.issuer, placeholderFor(identities.issuer, 'issuer')),
        eq(identities.subject, placeholderFor(identities.subject, 'subject')),
      ),
    ),
);

export async function findIdentity(db: Db, issuer: string, subject: string): Promise<IdentityRow | undefined> {
  const [identity] = await identityByIssuerAndSubject(db).execute({ issuer, subject });
  return identity;
}

/** @returns false if the identity (issuer and subject) already belongs to a user. */
export async function insertIdentity(tx: Db, identity: IdentityRow): Promise<boolean> {
  const inserted = await tx
    .insert(identities)
    .values(identity)
    .onConflictDoNothing({ target: [identities.issuer, identities.subject] })
    .returning({ id: identities.id });
  return inserted.length === 1;
}

/** Lists a user's identities, oldest first. */
export function listIdentities(db: Db, userId: UserId): Promise<IdentityRow[]> {
  return db.select().from(identities).where(eq(identities.userId, userId)).orderBy(asc(identities.id));
}

export async function deleteIdentity(tx: Tx, userId: UserId, id: IdentityId): Promise<boolean> {
  const deleted = await tx
    .delete(identities)
    .where(and(eq(identities.userId, userId), eq(identities.id, id)))
    .returning({ id: identities.id });
  return deleted.length === 1;
}
