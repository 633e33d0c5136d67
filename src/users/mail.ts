import { oneLine, timeInWords, writeMail } from '../mail/write.ts';
import type { Letter } from '../outbox/letter.ts';
import type { Service } from '../service.ts';
import { findRegistration, findUserByEmail } from './store.ts';
import { signVerificationToken } from './verification-token.ts';

/** The mail to someone who registered: a link to verify the address, or word that it has a login already. */
export function registrationLetter(service: Pick<Service, 'config' | 'keys' | 'db'>): Letter {
  return {
    async write({ registrationId }, now) {
      const registration = registrationId === null ? undefined : await findRegistration(service.db, registrationId);
      if (!registration || registration.expiresAt <= now) return undefined;
      const address = registration.email;
      if (await findUserByEmail(service.db, address)) {
        return { to: address, ...(await writeMail('login-exists', { address })) };
      }
      const token = await signVerificationToken(service, registration, now);
      const link = service.config.verifyUrl.replace('{token}', token);
      const until = timeInWords(registration.expiresAt);
      return {
        to: address,
        ...(await writeMail('verify-email', { address, name: oneLine(registration.name), link, until })),
      };
    },
  };
}
