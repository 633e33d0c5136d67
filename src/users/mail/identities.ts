import type { UserId } from '../../ids/ids.ts';
import type { MessageWriter } from '../../mail/outbox/message-writer.ts';
import type { Service } from '../../service.ts';
import { listIdentities } from '../identities/store.ts';
import { findUser } from '../store.ts';

type Writer = Pick<Service, 'config' | 'db'>;

/** To someone whose login was linked with one at an identity provider, so that they notice where it was not them. */
export function identityLinkedMessage({ config, db }: Writer): MessageWriter {
  return {
    async write({ userId }) {
      const user = userId === null ? undefined : await findUser(db, userId);
      const items = user ? await issuersOf(db, user.id) : [];
      if (!user || items.length === 0) return undefined;
      const values = { address: user.email, items };
      return { to: user.email, ...config.mails.write('identity-linked', [user.locale], values) };
    },
  };
}

/** The issuers of a user's identities. */
export const issuersOf = async (db: Service['db'], userId: UserId) => [
  ...new Set((await listIdentities(db, userId)).map((it) => it.issuer)),
];
