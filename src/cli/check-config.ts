/** A program of its own, for operators: `npm run check-config` says whether the service would start with these settings. */
import type { Config } from '../config/config.ts';
import { settingsOrFail } from './program.ts';

const config = settingsOrFail();
if (config) process.stdout.write(`The configuration is good.\n${summaryOf(config)}`);

/** What it comes to, without any secret. */
function summaryOf({ production, issuer, database, mail, mails, passwordLogin, identityProviders }: Config): string {
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
