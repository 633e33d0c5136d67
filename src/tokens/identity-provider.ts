/** One issuer whose access tokens are taken as callers. */
export interface IdentityProvider {
  /** What `iss` must be, to the letter (OpenID Connect Discovery 1.0). */
  issuer: string;
  /** What `aud` must contain. */
  audience: string;
  /** Where its keys are. Undefined: found by discovery, at `${issuer}/.well-known/openid-configuration`. */
  jwksUri: string | undefined;
  algorithms: string[];
  /**
   * What the header's `typ` must be. `at+jwt` (RFC 9068) tells access tokens from ID tokens by itself; with `JWT`, for a
   * provider that gives its access tokens no type of their own, the audience alone does, and so must be no client's id.
   */
  typ: string;
  emailClaim: string;
  emailVerifiedClaim: string;
  nameClaim: string;
  /** The values of `acr` of which a token must have one. Undefined: it is not looked at. */
  acr: string[] | undefined;
}

/** Each signs with a private key. With a secret that both sides know (HS256), whoever verifies could sign as well. */
const families = ['RS', 'PS', 'ES'].flatMap((family) => [256, 384, 512].map((bits) => `${family}${bits}`));
const asymmetric = [...families, 'EdDSA', 'Ed25519'];

/** How each field is read: its value, or a thrown Error whose message says what is wrong. */
const fields: { [Field in keyof IdentityProvider]: (value: unknown) => IdentityProvider[Field] } = {
  issuer: readIssuer,
  audience: readText,
  jwksUri: (value) => (value === undefined ? undefined : readUrl(value)),
  algorithms: (value = ['RS256', 'PS256', 'ES256', 'EdDSA']) => readAlgorithms(value),
  typ: (value = 'at+jwt') => readText(value),
  emailClaim: (value = 'email') => readText(value),
  emailVerifiedClaim: (value = 'email_verified') => readText(value),
  nameClaim: (value = 'name') => readText(value),
  acr: (value) => (value === undefined ? undefined : readTexts(value)),
};

/**
 * Reads `OIDC_ISSUERS`: a JSON array of such objects, of which each has an issuer of its own and an audience.
 * @throws an Error whose message says everything that is wrong.
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
  if (new Set(issuers).size < issuers.length) mistakes.push('two entries have one issuer');
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return providers as IdentityProvider[];
}

function parseArray(text: string): unknown[] {
  try {
    const entries: unknown = JSON.parse(text);
    if (Array.isArray(entries)) return entries;
  } catch {
    // Not JSON is as wrong as another kind of JSON.
  }
  throw new Error('must be a JSON array of objects, each with an issuer and an audience');
}

function readEntry(entry: unknown): { provider: Partial<IdentityProvider>; mistakes: string[] } {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
    return { provider: {}, mistakes: ['must be an object'] };
  }
  const mistakes = Object.keys(entry)
    .filter((name) => !Object.hasOwn(fields, name))
    .map((name) => `${name} is not known here`);
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

/** Whether what is fetched from a URL comes from whom it names: over TLS, or without leaving this machine. */
export function isTrustworthyUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  const isLocal = protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  return (protocol === 'https:' || isLocal) && username === '' && password === '';
}

function readUrl(value: unknown): string {
  if (typeof value === 'string' && isTrustworthyUrl(value)) return value;
  throw new Error('must be a URL that begins with https:, or with http: on localhost, and holds no password');
}

function readIssuer(value: unknown): string {
  const url = readUrl(value);
  if (/[?#]/.test(url)) throw new Error('must have no query and no fragment');
  return url;
}

function readText(value: unknown): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new Error('must be a text, and not an empty one');
}

function readTexts(value: unknown): string[] {
  if (Array.isArray(value) && value.length > 0) return value.map(readText);
  throw new Error('must be an array of texts, and not an empty one');
}

function readAlgorithms(value: unknown): string[] {
  const algorithms = readTexts(value);
  if (algorithms.every((it) => asymmetric.includes(it))) return algorithms;
  throw new Error(`must be some of ${asymmetric.join(', ')}`);
}
