import { requireCanonicalEmail } from '../email-address.ts';
import { newId } from '../ids.ts';
import type { Service, Visit } from '../service.ts';
import { requireGoodPassword } from './passwords/policy.ts';
import { requirePasswordLogin } from './rules.ts';
import type { Registration } from './schemas.ts';
import { insertRegistration } from './store.ts';

/** Milliseconds in which an address can be verified. */
const registrationLifetime = 24 * 3_600_000;

/**
 * Keeps a registration until the address is verified, and promises a mail to it. It does the same whether a login with this
 * address exists or not: which of the two mails it will be is decided when the mail is written.
 * @throws invalid-request for a password that is easily guessed, too-many-requests, password-login-off.
 */
export async function register(
  service: Service,
  { name, ...body }: Registration,
  { now, client }: Visit,
): Promise<void> {
  requirePasswordLogin(service.config);
  const email = requireCanonicalEmail(body.email, '/email');
  requireGoodPassword(body.password, '/password', { email, name });
  await service.limiter.requireWithin([{ limit: 'register.address', of: `${email} ${client.network}` }], now);
  // Beyond this a link that is still valid is in the mailbox already. The same is done either way, so that it takes as long.
  const { exceeded } = await service.limiter.take([{ limit: 'register.mails', of: email }], now);
  const locale = body.locale ?? null;
  const passwordHash = await service.passwords.hash(body.password);
  const expiresAt = new Date(now.getTime() + registrationLifetime);
  await insertRegistration(
    service.db,
    { id: newId('reg'), email, name, passwordHash, locale, createdAt: now, expiresAt },
    { id: newId('dlv'), isSent: !exceeded },
  );
}
