/** Program: `npm run key` creates a platform key. */
import { parseArgs } from 'node:util';
import { toPlatformKeyView } from '../access/api-keys/view.ts';
import { platformScopes } from '../accounts/schemas.ts';
import { isNew, migrate } from '../database/migrate.ts';
import { createFirstPlatformKey } from '../platform/api-keys/keys.ts';
import { displayName } from '../text/display-text.ts';
import { fail, onDatabase } from './program.ts';

const usage = `Usage: npm run key -- [--name <name>] [--scopes <scope,…>] [--days <days>]

Creates a platform key, for your own backend. The key is shown once, as "secret".

  --name    what the key is for (default: platform)
  --scopes  what the key may be used for, separated by commas (default: everything):
            ${platformScopes.join(', ')}
  --days    the number of days until the key expires (default: never)

With this key, your backend can create, rotate and revoke further keys: /v1/platform-keys. Run this
with the settings of the service. The service may be running, unless it uses the embedded database.
`;

const options = readOptions();
if (!options) fail(usage, 2);
else {
  const { name, scopes, days } = options;
  await onDatabase(async ({ db, now }) => {
    // Before the first start, the database has no tables.
    if (await isNew(db)) await migrate(db);
    const expiresAt = days === undefined ? null : new Date(now.getTime() + days * 24 * 3_600_000);
    const { row, text } = await createFirstPlatformKey(db, { name, scopes, expiresAt }, now);
    return { ...toPlatformKeyView(row, now), secret: text };
  });
}

function readOptions(): { name: string; scopes: string[]; days: number | undefined } | undefined {
  const string = { type: 'string' } as const;
  try {
    const { values } = parseArgs({ options: { name: string, scopes: string, days: string } });
    const { name = 'platform', scopes = '*', days } = values;
    const list = scopes.split(',').map((it) => it.trim());
    const areScopesValid = list.every((it) => it === '*' || (platformScopes as readonly string[]).includes(it));
    const areDaysValid = days === undefined || /^[1-9]\d{0,3}$/.test(days);
    const label = displayName(name);
    return areScopesValid && areDaysValid && label !== undefined && [...label].length <= 100
      ? { name: label, scopes: list, days: days === undefined ? undefined : Number(days) }
      : undefined;
  } catch {
    return undefined;
  }
}
