import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { AdapterFactory, Configuration, Provider as OidcProvider } from 'oidc-provider';
import type { Test } from 'tap';

/** Imports internal modules: the main module of oidc-provider prints a warning on Node 20. */
const internals = 'oidc-provider/lib';
const { Provider } = (await import(`${internals}/provider.js`)) as typeof import('oidc-provider');
const { createMemoryAdapter } = (await import(`${internals}/adapters/memory_adapter.js`)) as {
  createMemoryAdapter: () => AdapterFactory;
};

/** A user of the provider. */
export interface Person {
  sub: string;
  email?: string;
  emailVerified?: boolean;
  name?: string;
}

const client = { id: 'frontend', callback: 'http://127.0.0.1/callback', scope: 'openid email profile' };

/** A private key as a JWK; its key id is its thumbprint (RFC 7638). */
export async function newJwk(alg = 'ES256'): Promise<JWK & { kid: string }> {
  const jwk = await exportJWK((await generateKeyPair(alg, { extractable: true })).privateKey);
  return { ...jwk, alg, use: 'sig', kid: await calculateJwkThumbprint(jwk) };
}

export type OidcServer = Awaited<ReturnType<typeof startOidcProvider>>;

/** Starts an OpenID provider (npm's oidc-provider) where anyone can log in without a password. */
export async function startOidcProvider(t: Test) {
  const people = new Map<string, Person>();
  const adapter = createMemoryAdapter();
  let keys = [await newJwk()];
  let provider: OidcProvider;
  const { url: issuer, ...server } = await listen(t, (request, response) => {
    if (request.url?.startsWith('/interaction/')) return void logIn(provider, request, response);
    return provider.callback()(request, response);
  });
  const audience = `${issuer}/api`;
  const start = () => {
    provider = new Provider(issuer, configuration(keys, people, adapter));
  };
  start();
  const tokensOf = async (person: Person, resource: string) => {
    people.set(person.sub, person);
    return await logInAndExchange(issuer, person.sub, resource);
  };
  return {
    issuer,
    audience,
    /** The audience of its ID tokens. */
    clientId: client.id,
    /**
     * Logs in (authorization code, PKCE).
     * @returns a JWT access token (RFC 9068), valid for an hour.
     */
    accessToken: async (person: Person, forAudience = audience) => (await tokensOf(person, forAudience)).access_token,
    /** The ID token of the same flow. */
    idToken: async (person: Person) => (await tokensOf(person, audience)).id_token,
    /** Restarts it with a new signing key. The old keys stay published if `keepOld` is set. */
    async rotateKeys({ keepOld = true } = {}) {
      keys = [await newJwk(), ...(keepOld ? keys : [])];
      start();
    },
    ...server,
  };
}

const configuration = (keys: JWK[], people: Map<string, Person>, adapter: AdapterFactory): Configuration => ({
  adapter,
  jwks: { keys } as NonNullable<Configuration['jwks']>,
  cookies: { keys: [randomBytes(16).toString('hex')] },
  clients: [
    {
      client_id: client.id,
      application_type: 'native',
      redirect_uris: [client.callback],
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
    },
  ],
  claims: { email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...claimsOf(people.get(sub)) }) }),
  extraTokenClaims: (_, token) => ('accountId' in token ? claimsOf(people.get(token.accountId)) : {}),
  // Grants every scope without asking for consent.
  async loadExistingGrant({ oidc }) {
    const { session, client, params, provider } = oidc;
    const grant = new provider.Grant({ clientId: client?.clientId, accountId: session?.accountId });
    grant.addOIDCScope(String(params?.scope));
    await grant.save();
    return grant;
  },
  ttl: { AccessToken: 3600, IdToken: 3600, Grant: 3600, Interaction: 3600, Session: 3600 },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({
        scope: '',
        audience: resource,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

const claimsOf = ({ email, emailVerified, name }: Partial<Person> = {}) => ({
  email,
  email_verified: emailVerified,
  name,
});

/** The provider's login page: logs in the user named by `login_hint`, without consent. */
async function logIn(provider: OidcProvider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { params } = await provider.interactionDetails(request, response);
  await provider.interactionFinished(request, response, {
    login: { accountId: String(params.login_hint) },
    consent: {},
  });
}

/** Does what a browser and the frontend do: logs in, gets a code, and exchanges it for tokens. */
async function logInAndExchange(issuer: string, sub: string, resource: string) {
  const verifier = randomBytes(32).toString('base64url');
  const question = new URLSearchParams({
    client_id: client.id,
    response_type: 'code',
    redirect_uri: client.callback,
    scope: client.scope,
    resource,
    nonce: randomBytes(8).toString('hex'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    login_hint: sub,
  });
  const back = await browse(`${issuer}/auth?${question}`);
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: client.id,
      redirect_uri: client.callback,
      code: back.searchParams.get('code') ?? '',
      code_verifier: verifier,
      resource,
    }),
  });
  if (!response.ok) throw new Error(`the provider gave no tokens: ${back.search} ${await response.text()}`);
  return (await response.json()) as { access_token: string; id_token: string };
}

/** Follows redirects with cookies until they lead to the frontend. */
async function browse(start: string): Promise<URL> {
  const cookies = new Map<string, string>();
  let url = new URL(start);
  for (let hops = 0; hops < 10; hops++) {
    if (url.href.startsWith(client.callback)) return url;
    const cookie = [...cookies].map((it) => it.join('=')).join('; ');
    const response = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const it of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(it) ?? [];
      cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (!location) throw new Error(`${url} answered ${response.status} ${await response.text()}`);
    url = new URL(location, url);
  }
  throw new Error(`the provider redirects for ever, at last to ${url}`);
}

/**
 * What the fake server answers: a body, as text or JSON. Or `hang`: nothing; `half`: half a body,
 * and closes the connection; `stall`: half a body, and nothing more; `flood`: an endless body.
 */
export type KeyAnswer =
  | { status?: number; headers?: Record<string, string>; body?: unknown; after?: Promise<void> }
  | 'hang'
  | 'half'
  | 'stall'
  | 'flood';

export type KeyServer = Awaited<ReturnType<typeof startKeyServer>>;

/**
 * Starts a fake provider that serves only a discovery document and a key set, whose answers a test
 * can break.
 */
export async function startKeyServer(t: Test) {
  const answers = new Map<string, KeyAnswer>();
  const { url: issuer, ...server } = await listen(t, (request, response) => {
    answerWith(answers.get(request.url ?? '') ?? { status: 404 }, response);
  });
  const jwksUri = `${issuer}/jwks`;
  answers.set('/.well-known/openid-configuration', { body: { issuer, jwks_uri: jwksUri } });
  return {
    issuer,
    jwksUri,
    ...server,
    /** Sets the answer for a path. */
    answer(path: string, answer: KeyAnswer) {
      answers.set(path, answer);
    },
    /** Publishes the public parts of these keys. */
    publish(...keys: JWK[]) {
      answers.set('/jwks', { body: { keys: keys.map(({ d, p, q, dp, dq, qi, ...half }) => half) } });
    },
  };
}

function answerWith(answer: KeyAnswer, response: ServerResponse): void {
  if (answer === 'hang') return;
  if (typeof answer === 'string') return void answerInPart(answer, response);
  const { status = 200, headers = {}, body = '', after = Promise.resolve() } = answer;
  void after.then(() => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  });
}

function answerInPart(how: 'half' | 'stall' | 'flood', response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"keys": [', () => how === 'half' && response.destroy());
  if (how !== 'flood') return;
  const pour = () => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
  };
  response.on('drain', pour);
  pour();
}

/**
 * Starts a server on a free port, which counts the requests for each path. It stops at the end of
 * the test.
 */
async function listen(t: Test, answer: RequestListener) {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const path = request.url?.split('?', 1)[0] ?? '';
    counts.set(path, (counts.get(path) ?? 0) + 1);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  t.teardown(stop);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: (path: string) => counts.get(path) ?? 0,
    stop,
  };
}
