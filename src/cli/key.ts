/** A program of its own, for operators: `npm run key` makes the first platform key, and whatever comes after it by hand. */
import { parseArgs } from 'node:util';
import { toPlatformKeyView } from '../access/api-keys/view.ts';
import { platformScopes } from '../accounts/schemas.ts';
import { isNew, migrate } from '../database/migrate.ts';
import { makePlatformKey } from '../platform/api-keys/keys.ts';
import { displayName } from '../text/display-text.ts';
import { fail, onDatabase } from './program.ts';

const usage = `Usage: npm run key -- [--name <name>] [--scopes <scope,…>] [--days <days>]

Makes a platform key: for the operator's own backend. It is shown once, as "secret".

  --name    what it is for; "platform" unless given
  --scopes  what it may be used for, parted by commas; everything unless given:
            ${platformScopes.join(', ')}
  --days    after how many days it ends; never unless given

Others are made, rotated and revoked with it: /v1/platform-keys. It takes the settings of the
service, which may run meanwhile, unless it is on the embedded database.
`;

const asked = read();
if (!asked) fail(usage, 2);
else {
  const { name, scopes, days } = asked;
  await onDatabase(async ({ db, now }) => {
    // Before the first start there is nothing yet to put it in.
    if (await isNew(db)) await migrate(db);
    const expiresAt = days === undefined ? null : new Date(now.getTime() + days * 24 * 3_600_000);
    const { row, text } = await makePlatformKey(db, { name, scopes, expiresAt }, now);
    return { ...toPlatformKeyView(row, now), secret: text };
  });
}

function read(): { name: string; scopes: string[]; days: number | undefined } | undefined {
  const string = { type: 'string' } as const;
  try {
    const { values } = parseArgs({ options: { name: string, scopes: string, days: string } });
    const { name = 'platform', scopes = '*', days } = values;
    const list = scopes.split(',').map((it) => it.trim());
    const isGood = list.every((it) => it === '*' || (platformScopes as readonly string[]).includes(it));
    const isTime = days === undefined || /^[1-9]\d{0,3}$/.test(days);
    const label = displayName(name);
    return isGood && isTime && label !== undefined && [...label].length <= 100
      ? { name: label, scopes: list, days: days === undefined ? undefined : Number(days) }
      : undefined;
  } catch {
    return undefined;
  }
}
