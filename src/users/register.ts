import { newId } from '../ids.ts';
import type { Service } from '../service.ts';
import { requireCanonicalEmail } from './email-address.ts';
import { requireUncommonPassword } from './passwords.ts';
import type { Registration } from './schemas.ts';
import { insertRegistration } from './store.ts';

/** Milliseconds in which an address can be verified. */
const registrationLifetime = 24 * 3_600_000;

/**
 * Keeps a registration until the address is verified, and promises a mail to it. It does the same whether a login with this
 * address exists or not: which of the two mails it will be is decided when the mail is written.
 * @throws invalid-request for a password that is too common.
 */
export async function register(service: Service, { email, password, name }: Registration, now: Date): Promise<void> {
  requireUncommonPassword(password, '/password');
  const registration = {
    id: newId('reg'),
    email: requireCanonicalEmail(email, '/email'),
    name,
    passwordHash: await service.passwords.hash(password),
    createdAt: now,
    expiresAt: new Date(now.getTime() + registrationLifetime),
  };
  await insertRegistration(service.db, registration, newId('dlv'));
}
