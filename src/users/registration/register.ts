import type { RequestContext } from '../../credentials/caller.ts';
import { newId } from '../../ids/ids.ts';
import type { Service } from '../../service.ts';
import { requireCanonicalEmail } from '../../text/email-address.ts';
import { requirePasswordLogin } from '../rules.ts';
import type { Registration } from '../schemas.ts';
import { insertRegistration } from './store.ts';

/** How long a verification link is valid, in milliseconds. */
const registrationLifetime = 24 * 3_600_000;

/**
 * Stores a registration and enqueues its mail. The same statement runs for every address: whether
 * the mail contains the link or a notice that a login exists is decided when it is written.
 * @throws too-many-requests, password-login-off.
 */
export async function register(service: Service, body: Registration, { now, client }: RequestContext): Promise<void> {
  requirePasswordLogin(service.config);
  const email = requireCanonicalEmail(body.email, '/email');
  await service.limiter.requireWithin([{ limit: 'register.address', of: `${email} ${client.network}` }], now);
  // Over this limit no mail is sent: the mailbox already has a valid link. The same statements run
  // either way, so that both take equally long.
  const { exceeded } = await service.limiter.take([{ limit: 'register.mails', of: email }], now);
  const locale = body.locale ?? null;
  const expiresAt = new Date(now.getTime() + registrationLifetime);
  const mail = { id: newId('dlv'), isSent: !exceeded };
  await insertRegistration(service.db, { id: newId('reg'), email, locale, createdAt: now, expiresAt }, mail);
}
