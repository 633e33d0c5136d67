/** Program: `npm run check-config` checks the settings without starting the service. */
import type { Config } from '../config/config.ts';
import { configOrFail } from './program.ts';

const config = configOrFail();
if (config) process.stdout.write(`The configuration is valid.\n${summarise(config)}`);

/** What the settings mean, without secrets. */
function summarise({ production, issuer, database, mail, mails, passwordLogin, identityProviders }: Config): string {
  const logins = [...(passwordLogin ? ['passwords'] : []), ...identityProviders.map((it) => it.issuer)];
  const lines = {
    Mode: production ? 'production' : 'development',
    Issuer: issuer,
    Database: database.kind === 'postgres' ? 'Postgres' : `embedded, in ${database.dataDir}`,
    Mail: `${mail.kind}, from ${mail.from.email}`,
    Languages: mails.locales.join(', '),
    Logins: logins.join(', '),
  };
  return Object.entries(lines)
    .map(([name, text]) => `  ${name.padEnd(10)}${text}\n`)
    .join('');
}
