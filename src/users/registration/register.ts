import type { RequestContext } from '../../credentials/caller.ts';
import { newId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { requireCanonicalEmail } from '../../text/email-address.ts';
import { requirePasswordLogin } from '../rules.ts';
import type { Registration } from '../schemas.ts';
import { insertRegistration } from './store.ts';

/** Milliseconds in which an address can be verified. */
const registrationLifetime = 24 * 3_600_000;

/**
 * Stores a registration and enqueues its mail, by the same single statement for every address:
 * which mail it is (the link, or a notice that a login exists) is decided when the mail is written.
 * @throws too-many-requests, password-login-off.
 */
export async function register(service: Service, body: Registration, { now, client }: RequestContext): Promise<void> {
  requirePasswordLogin(service.config);
  const email = requireCanonicalEmail(body.email, '/email');
  await service.limiter.requireWithin([{ limit: 'register.address', of: `${email} ${client.network}` }], now);
  // Beyond this limit, the mailbox already has a valid link. The same statements run either way, so
  // that the time is the same.
  const { exceeded } = await service.limiter.take([{ limit: 'register.mails', of: email }], now);
  const locale = body.locale ?? null;
  const expiresAt = new Date(now.getTime() + registrationLifetime);
  const mail = { id: newId('dlv'), isSent: !exceeded };
  await insertRegistration(service.db, { id: newId('reg'), email, locale, createdAt: now, expiresAt }, mail);
}
