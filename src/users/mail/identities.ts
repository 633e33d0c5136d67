import type { UserId } from '../../ids/ids.ts';
import type { MessageWriter } from '../../mail/outbox/message-writer.ts';
import type { Service } from '../../service.ts';
import { listIdentities } from '../identities/store.ts';
import { findUser } from '../store.ts';

type Writer = Pick<Service, 'config' | 'db'>;

/** The notice to a user that an identity was linked, in case it was not them. */
export function identityLinkedMessage({ config, db }: Writer): MessageWriter {
  return {
    async write({ userId }) {
      const user = userId === null ? undefined : await findUser(db, userId);
      const items = user ? await listIssuers(db, user.id) : [];
      if (!user || items.length === 0) return undefined;
      const values = { address: user.email, items };
      return { to: user.email, ...config.mails.write('identity-linked', [user.locale], values) };
    },
  };
}

/** Lists the issuers of a user's identities, each once. */
export const listIssuers = async (db: Service['db'], userId: UserId) => [
  ...new Set((await listIdentities(db, userId)).map((it) => it.issuer)),
];
