import type { Config } from './config/config.ts';
import type { Passwords } from './credentials/password-hashing.ts';
import type { Db } from './database/database.ts';
import type { Outages } from './database/outages.ts';
import type { Limiter } from './limits/limits.ts';
import type { Metrics } from './telemetry/metrics.ts';
import type { AccessTokens } from './tokens/access-token.ts';
import type { DerivedKeys } from './tokens/derived-keys.ts';
import type { ExternalTokens } from './tokens/external-token.ts';
import type { SigningKeys } from './tokens/keys.ts';

/** The dependencies of all features. There are no other globals. */
export interface Service {
  readonly config: Config;
  readonly db: Db;
  readonly outages: Outages;
  readonly signingKeys: SigningKeys;
  readonly derivedKeys: DerivedKeys;
  readonly passwords: Passwords;
  readonly accessTokens: AccessTokens;
  readonly externalTokens: ExternalTokens;
  readonly limiter: Limiter;
  readonly metrics: Metrics;
  /** The only clock. It is read once for each request and passed on as `now`. */
  readonly clock: () => Date;
}
