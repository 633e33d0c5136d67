/** An issuer whose access tokens are accepted. */
export interface IdentityProvider {
  /** Must equal `iss` exactly (OpenID Connect Discovery 1.0). */
  issuer: string;
  /** Must be in `aud`. */
  audience: string;
  /**
   * The URL of its keys. Undefined: found by discovery
   * (`${issuer}/.well-known/openid-configuration`).
   */
  jwksUri: string | undefined;
  algorithms: string[];
  /**
   * Must equal the header's `typ`. `at+jwt` (RFC 9068) distinguishes access tokens from ID tokens.
   * With `JWT`, for providers without a type for access tokens, only the audience does: it must not
   * be the id of a client.
   */
  typ: string;
  emailClaim: string;
  emailVerifiedClaim: string;
  nameClaim: string;
  /** The accepted values of `acr`. Undefined: not checked. */
  acr: string[] | undefined;
}

/** Asymmetric algorithms only: with a shared secret (HS256), every verifier could also sign. */
const families = ['RS', 'PS', 'ES'].flatMap((family) => [256, 384, 512].map((bits) => `${family}${bits}`));
const asymmetric = [...families, 'EdDSA', 'Ed25519'];

/** Parses each field, or throws an Error that says what is wrong. */
const fields: { [Field in keyof IdentityProvider]: (value: unknown) => IdentityProvider[Field] } = {
  issuer: readIssuer,
  audience: readString,
  jwksUri: (value) => (value === undefined ? undefined : readUrl(value)),
  algorithms: (value = ['RS256', 'PS256', 'ES256', 'EdDSA']) => readAlgorithms(value),
  typ: (value = 'at+jwt') => readString(value),
  emailClaim: (value = 'email') => readString(value),
  emailVerifiedClaim: (value = 'email_verified') => readString(value),
  nameClaim: (value = 'name') => readString(value),
  acr: (value) => (value === undefined ? undefined : readStrings(value)),
};

/**
 * Reads `OIDC_ISSUERS`: a JSON array of objects with a unique issuer and an audience.
 * @throws an Error that lists all mistakes.
 */
export function parseIdentityProviders(text: string): IdentityProvider[] {
  const entries = parseArray(text);
  const mistakes: string[] = [];
  const providers = entries.map((entry, index) => {
    const read = readEntry(entry);
    mistakes.push(...read.mistakes.map((it) => `entry ${index + 1}: ${it}`));
    return read.provider;
  });
  const issuers = providers.map((it) => it.issuer).filter((it) => it !== undefined);
  if (new Set(issuers).size < issuers.length) mistakes.push('each issuer must be unique');
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return providers as IdentityProvider[];
}

function parseArray(text: string): unknown[] {
  try {
    const entries: unknown = JSON.parse(text);
    if (Array.isArray(entries)) return entries;
  } catch {
    // The same error as for JSON of another type.
  }
  throw new Error('must be a JSON array of objects, each with an issuer and an audience');
}

function readEntry(entry: unknown): { provider: Partial<IdentityProvider>; mistakes: string[] } {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { provider: {}, mistakes: ['must be an object'] };
  }
  const mistakes = Object.keys(entry)
    .filter((name) => !Object.hasOwn(fields, name))
    .map((name) => `${name} is an unknown field`);
  const provider: Record<string, unknown> = {};
  for (const [name, read] of Object.entries(fields)) {
    try {
      provider[name] = read((entry as Record<string, unknown>)[name]);
    } catch (error) {
      mistakes.push(`${name} ${(error as Error).message}`);
    }
  }
  return { provider, mistakes };
}

/**
 * Whether a URL is safe to fetch keys from: https, or http on localhost, without a user or
 * password.
 */
export function isTrustworthyUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  const isLocal = protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return (protocol === 'https:' || isLocal) && username === '' && password === '';
}

function readUrl(value: unknown): string {
  if (typeof value === 'string' && isTrustworthyUrl(value)) return value;
  throw new Error('must be an https: URL (or http: on localhost) without a user and password');
}

function readIssuer(value: unknown): string {
  const url = readUrl(value);
  if (/[?#]/.test(url)) throw new Error('must not have a query or fragment');
  return url;
}

function readString(value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new Error('must be a non-empty string');
}

function readStrings(value: unknown): string[] {
  if (Array.isArray(value) && value.length > 0) return value.map(readString);
  throw new Error('must be a non-empty array of strings');
}

function readAlgorithms(value: unknown): string[] {
  const algorithms = readStrings(value);
  if (algorithms.every((it) => asymmetric.includes(it))) return algorithms;
  throw new Error(`must be one or more of ${asymmetric.join(', ')}`);
}
