import type { MessageWriter } from '../../mail/outbox/message-writer.ts';
import type { Service } from '../../service.ts';
import { signVerificationToken } from '../link-tokens.ts';
import { findRegistration } from '../registration/store.ts';
import { findUserByEmail } from '../store.ts';

type Writer = Pick<Service, 'config' | 'signingKeys' | 'db'>;

/**
 * The mail to a registered address: a link to verify it, or a notice that it already has a login.
 * Anyone can trigger this mail to any address, so it contains no text that the sender chose.
 */
export function registrationMessage(service: Writer): MessageWriter {
  const { config, db } = service;
  return {
    async write({ registrationId }, now) {
      const registration = registrationId === null ? undefined : await findRegistration(db, registrationId, now);
      if (!registration) return undefined;
      const { email: address, locale, expiresAt } = registration;
      const user = await findUserByEmail(db, address);
      if (user) return { to: address, ...config.mails.write('login-exists', [user.locale], { address }) };
      const link = config.verifyUrl.replace('{token}', await signVerificationToken(service, registration, now));
      const values = { address, link, until: expiresAt };
      return { to: address, ...config.mails.write('verify-email', [locale], values) };
    },
  };
}
