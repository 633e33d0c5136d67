import type { Config } from './config.ts';
import type { Db } from './database/database.ts';
import type { SessionId, UserId } from './ids.ts';
import type { Catalogue } from './permissions/catalogue.ts';
import type { AccessTokens } from './tokens/access-token.ts';
import type { SigningKeys } from './tokens/keys.ts';
import type { Passwords } from './users/passwords.ts';

/** What the features of the service are given. Nothing else is global. */
export interface Service {
  readonly config: Config;
  readonly db: Db;
  readonly keys: SigningKeys;
  readonly catalogue: Catalogue;
  readonly passwords: Passwords;
  readonly accessTokens: AccessTokens;
  /** The one clock. It is read once for each request, and passed down as `now`. */
  readonly clock: () => Date;
}

/** Who makes a request, and when. What they may do is not known from this: it is read inside the request. */
export interface Caller {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly now: Date;
}
