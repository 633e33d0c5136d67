import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign as signBytes } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import t from 'tap';
import { generateSigningKeys } from '../../src/tokens/keys.ts';
import type { LinkKind } from '../../src/tokens/link-token.ts';
import { newEmail, password, startService } from '../support/service.ts';
import { tablesAsText } from '../support/tables.ts';

type Jwk = Record<string, string>;
type Json = Record<string, unknown>;

/** A kind of link in a mail. */
interface Link {
  kind: LinkKind;
  /** From a sent mail. */
  token: string;
  /** The claims in addition to the standard ones. */
  names: string[];
  /** The endpoints that accept the token. */
  endpoints: Record<string, (token: string) => Promise<{ status: number; code: string | undefined }>>;
  /** The problem code for an invalid token. */
  refusal: string;
}

const newKey = async () => JSON.parse(await generateSigningKeys()).keys[0] as Jwk & { kid: string };
const privateKeyOf = (jwk: Jwk) => createPrivateKey({ key: jwk, format: 'jwk' });

const issuer = 'https://usher.example.com';
const [first, second, foreign] = [await newKey(), await newKey(), await newKey()];

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const inputOf = (header: unknown, payload: unknown) => `${encode(header)}.${encode(payload)}`;

/** A JWS with any header and payload, signed with Ed25519. */
function signed(header: unknown, payload: unknown, key: KeyObject = privateKeyOf(first)): string {
  const input = inputOf(header, payload);
  return `${input}.${signBytes(null, Buffer.from(input), key).toString('base64url')}`;
}

/** A JWS with any header and payload, and an HMAC as its signature. */
function sealed(header: unknown, payload: unknown, secret: string | Buffer): string {
  const input = inputOf(header, payload);
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

t.test('tokens', async (t) => {
  const service = await startService(t, {
    env: { ISSUER: issuer, SIGNING_KEYS: JSON.stringify({ keys: [first, second] }) },
  });
  const { call, db, invite, newAccount, newUser, tokenFor } = service;
  const account = await newAccount();
  const { owner } = account;
  const email = newEmail('adam');
  await invite(account, owner, email, { permissions: ['invoices:pay'] });
  const [stranger, forgetful, mover, next] = [newEmail(), await newUser(), await newUser(), newEmail()];
  await call('POST', '/v1/auth/register', { body: { email: stranger } });
  await call('POST', '/v1/auth/password-reset', { body: { email: forgetful.email } });
  const change = { email: next, currentPassword: password };
  await call('POST', '/v1/me/email-change', { body: change, token: mover.token });

  const header = decodeProtectedHeader(owner.token) as Json;
  const claims = decodeJwt(owner.token) as Json;
  const me = (token: string) => call('GET', '/v1/me', { token });
  const post =
    (url: string, more: object = {}) =>
    (token: string) =>
      call('POST', url, { body: { token, ...more } });

  const oneClick = (token: string) =>
    call('POST', `/v1/invites/opt-out/one-click?${new URLSearchParams({ token })}`, {
      body: 'List-Unsubscribe=One-Click',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });

  const links: Link[] = [
    {
      kind: 'invite',
      token: await tokenFor(email, 'invite'),
      names: ['acc', 'inv', 'snd'],
      endpoints: {
        preview: post('/v1/invites/preview'),
        accept: post('/v1/invites/accept', { register: { name: 'Eve', password } }),
        decline: post('/v1/invites/decline'),
      },
      refusal: 'invite-token-invalid',
    },
    {
      kind: 'opt-out',
      token: await tokenFor(email, 'opt-out'),
      names: ['acc', 'inv'],
      endpoints: { 'opt out': post('/v1/invites/opt-out'), 'opt out by one click': oneClick },
      refusal: 'opt-out-token-invalid',
    },
    {
      kind: 'report',
      token: await tokenFor(email, 'report'),
      names: ['acc', 'inv'],
      endpoints: { report: post('/v1/invites/report') },
      refusal: 'report-token-invalid',
    },
    {
      kind: 'verify-email',
      token: await tokenFor(stranger, 'verify-email'),
      names: ['reg'],
      endpoints: { 'verify an address': post('/v1/auth/verify-email', { name: 'Eve', password }) },
      refusal: 'verification-token-invalid',
    },
    {
      kind: 'password-reset',
      token: await tokenFor(forgetful.email, 'password-reset'),
      names: ['rst'],
      endpoints: { 'choose a password': post('/v1/auth/password-reset/confirm', { password }) },
      refusal: 'password-reset-token-invalid',
    },
    {
      kind: 'email-change',
      token: await tokenFor(next, 'email-change'),
      names: ['emc'],
      endpoints: { 'confirm an address': post('/v1/auth/email-change/confirm') },
      refusal: 'email-change-token-invalid',
    },
  ];
  const inviteToken = links[0]?.token as string;

  t.test('an access token identifies the user and session, and contains no permissions', async (t) => {
    t.same(header, { alg: 'EdDSA', typ: 'at+jwt', kid: first.kid });
    t.same(Object.keys(claims).sort(), ['aud', 'exp', 'iat', 'iss', 'sid', 'sub']);
    t.equal(claims.sub, owner.id);
    t.match(claims.sid, /^ses_/);
    t.equal(claims.iss, issuer);
    t.equal(claims.exp, (claims.iat as number) + 600);
    t.ok(Math.abs((claims.iat as number) * 1000 - Date.now()) < 60_000);
  });

  t.test('a link token contains only the ids of its subject: no address and no permissions', async (t) => {
    for (const { kind, token, names } of links) {
      t.same(decodeProtectedHeader(token), { alg: 'EdDSA', typ: `${kind}+jwt`, kid: first.kid });
      const named = decodeJwt(token);
      t.same(Object.keys(named).sort(), [...names, 'aud', 'exp', 'iat', 'iss'].sort(), kind);
      t.equal(named.iss, issuer);
    }
    const { id } = (await call('GET', `${account.url}/invites`, { token: owner.token })).body.items[0];
    t.match(decodeJwt(inviteToken), { acc: account.id, inv: id, snd: 1 });
    const audiences = [claims.aud, ...links.map((it) => decodeJwt(it.token).aud)];
    t.equal(new Set(audiences).size, links.length + 1, 'each kind has its own audience');
  });

  t.test('a link token is stored only in the development mailbox', async (t) => {
    const tables = await tablesAsText(db);
    for (const { kind, token } of links) {
      const [, payload, signature] = token.split('.') as [string, string, string];
      t.ok(tables.get('mailbox')?.includes(signature), `${kind}: the mail contains it`);
      for (const [table, text] of tables) {
        if (table !== 'mailbox') t.notOk(text.includes(signature) || text.includes(payload), `${kind}: ${table}`);
      }
    }
  });

  t.test('GET /.well-known/jwks.json', async (t) => {
    const { status, body, headers } = await call('GET', '/.well-known/jwks.json');
    t.equal(status, 200);
    t.match(headers['cache-control'], /max-age/);
    t.same(
      body.keys.map((it: Jwk) => it.kid),
      [first.kid, second.kid],
      'every key of the set, the signing key first',
    );
    for (const [i, key] of [first, second].entries()) {
      const half = { kty: 'OKP', crv: 'Ed25519', x: key.x, kid: key.kid, alg: 'EdDSA', use: 'sig' };
      t.same(body.keys[i], half, 'only the public part');
    }
    t.notMatch(JSON.stringify(body), first.d);

    const { payload } = await jwtVerify(owner.token, createLocalJWKSet(body), { issuer, algorithms: ['EdDSA'] });
    t.equal(payload.sub, owner.id, 'the key set verifies a token of this service');
  });

  t.test('a self-made token with the genuine header, claims and key is accepted', async (t) => {
    t.equal((await me(signed(header, claims))).status, 200);
    for (const { kind, token } of links) t.equal(signed(decodeProtectedHeader(token), decodeJwt(token)), token, kind);
  });

  t.test('only the keys of the set verify tokens', async (t) => {
    t.equal((await me(signed({ ...header, kid: second.kid }, claims, privateKeyOf(second)))).status, 200);
    const wrong = {
      'a foreign key': signed({ ...header, kid: foreign.kid }, claims, privateKeyOf(foreign)),
      'another key with the kid of the first': signed(header, claims, privateKeyOf(foreign)),
      'the second with the kid of the first': signed(header, claims, privateKeyOf(second)),
      'the first with the kid of the second': signed({ ...header, kid: second.kid }, claims),
    };
    for (const [what, token] of Object.entries(wrong)) t.equal((await me(token)).code, 'unauthenticated', what);
  });

  const pem = createPublicKey(privateKeyOf(first)).export({ format: 'pem', type: 'spki' }) as string;
  const der = createPublicKey(privateKeyOf(first)).export({ format: 'der', type: 'spki' });
  const raw = Buffer.from(first.x as string, 'base64url');
  const { d: _, ...foreignHalf } = foreign;
  const hs256 = { ...header, alg: 'HS256' };
  const isNow = Math.floor(Date.now() / 1000);
  const genuine = owner.token.split('.') as [string, string, string];

  /**
   * What an attacker sends, and tokens that are signed by the right key and differ in one thing.
   */
  const forgedBy = (header: Json, claims: Json, [head, body, signature]: [string, string, string]) => ({
    'alg none': `${inputOf({ ...header, alg: 'none' }, claims)}.`,
    'alg None': `${inputOf({ ...header, alg: 'None' }, claims)}.`,
    'alg none with a signature': `${inputOf({ ...header, alg: 'none' }, claims)}.${signature}`,
    'no alg': signed({ ...header, alg: undefined }, claims),
    'alg null': signed({ ...header, alg: null }, claims),
    'alg is a list': signed({ ...header, alg: ['EdDSA'] }, claims),
    'another alg': signed({ ...header, alg: 'RS256' }, claims),
    'no signature': `${head}.${body}.`,
    'HS256 with the PEM of the public key': sealed(hs256, claims, pem),
    'HS256 with the DER of the public key': sealed(hs256, claims, der),
    'HS256 with the bytes of the public key': sealed(hs256, claims, raw),
    'HS256 with the text of the public key': sealed(hs256, claims, first.x as string),
    'HS256 with nothing': sealed(hs256, claims, ''),
    'no kid': signed({ ...header, kid: undefined }, claims),
    'an unknown kid': signed({ ...header, kid: 'unknown' }, claims),
    'an empty kid': signed({ ...header, kid: '' }, claims),
    'a kid that is a path': signed({ ...header, kid: '../../../../dev/null' }, claims),
    'a kid that is SQL': signed({ ...header, kid: "' or 1=1 --" }, claims),
    'a kid that is a number': signed({ ...header, kid: 0 }, claims),
    'a kid that is null': signed({ ...header, kid: null }, claims),
    'a kid that is a list': signed({ ...header, kid: [first.kid] }, claims),
    'a kid that is an object': signed({ ...header, kid: { toString: first.kid } }, claims),
    'the kid __proto__': signed({ ...header, kid: '__proto__' }, claims),
    'the kid constructor': signed({ ...header, kid: 'constructor' }, claims),
    'a key in the header': signed({ ...header, jwk: foreignHalf }, claims, privateKeyOf(foreign)),
    'a key in the header and its kid': signed(
      { ...header, jwk: foreignHalf, kid: foreign.kid },
      claims,
      privateKeyOf(foreign),
    ),
    'a key set elsewhere': signed(
      { ...header, jku: 'https://evil.example.com/jwks.json' },
      claims,
      privateKeyOf(foreign),
    ),
    'a certificate elsewhere': signed(
      { ...header, x5u: 'https://evil.example.com/cert' },
      claims,
      privateKeyOf(foreign),
    ),
    'an unknown critical header': signed({ ...header, crit: ['exp'], exp: 1 }, claims),
    'another issuer': signed(header, { ...claims, iss: 'https://evil.example.com' }),
    'no issuer': signed(header, { ...claims, iss: undefined }),
    'an issuer with a trailing slash': signed(header, { ...claims, iss: `${issuer}/` }),
    'another audience': signed(header, { ...claims, aud: 'https://evil.example.com' }),
    'no audience': signed(header, { ...claims, aud: undefined }),
    'the issuer as the audience': signed(header, { ...claims, aud: issuer }),
    'an empty list of audiences': signed(header, { ...claims, aud: [] }),
    'no expiry': signed(header, { ...claims, exp: undefined }),
    'an expiry that is text': signed(header, { ...claims, exp: '9999999999' }),
    'an expiry that is null': signed(header, { ...claims, exp: null }),
    'not valid yet': signed(header, { ...claims, nbf: isNow + 3600 }),
    'no iat': signed(header, { ...claims, iat: undefined }),
    'no type': signed({ ...header, typ: undefined }, claims),
    'the type JWT': signed({ ...header, typ: 'JWT' }, claims),
    'a type that is a number': signed({ ...header, typ: 1 }, claims),
    'a payload that is null': signed(header, null),
    'a payload that is a list': signed(header, [claims]),
    'a payload that is text': signed(header, JSON.stringify(claims)),
    'a payload that is not JSON': `${head}.${Buffer.from('{').toString('base64url')}.${signature}`,
    'a header that is not JSON': `${Buffer.from('{').toString('base64url')}.${body}.${signature}`,
    'a header that is null': signed(null, claims),
    'another payload under the signature': `${head}.${encode({ ...claims, extra: 1 })}.${signature}`,
    'a signature cut short': `${head}.${body}.${signature.slice(0, -4)}`,
    'a signature with one bit flipped': `${head}.${body}.${flipped(signature)}`,
    'one part': head,
    'two parts': `${head}.${body}`,
    'four parts': `${head}.${body}.${signature}.${signature}`,
    'only dots': '..',
    'very long': `${head}.${'A'.repeat(3_000)}.${signature}`,
  });

  t.test('every forged access token gets the same 401', async (t) => {
    const other = decodeJwt((await newUser()).token);
    const forged = {
      ...forgedBy(header, claims, genuine),
      expired: signed(header, { ...claims, iat: isNow - 700, exp: isNow - 100 }),
      'no subject': signed(header, { ...claims, sub: undefined }),
      'a subject that is a number': signed(header, { ...claims, sub: 1 }),
      'a subject that is an object': signed(header, { ...claims, sub: {} }),
      'a subject that is an account': signed(header, { ...claims, sub: account.id }),
      'another user’s session': signed(header, { ...claims, sid: other.sid }),
      'another user’s id with this session': signed(header, { ...claims, sub: other.sub }),
      'an unknown session': signed(header, { ...claims, sid: 'ses_01k7z2n4q8e6tbv5xw3c9d0hjm' }),
      'no session': signed(header, { ...claims, sid: undefined }),
      'a session that is SQL': signed(header, { ...claims, sid: "' or 1=1 --" }),
      'a refresh token': owner.refreshToken,
    };
    for (const { kind, token } of links) {
      const { aud } = decodeJwt(token);
      Object.assign(forged, {
        [`a link token (${kind})`]: token,
        [`the type of a link token (${kind})`]: signed({ ...header, typ: `${kind}+jwt` }, claims),
        [`the audience of a link token (${kind})`]: signed(header, { ...claims, aud }),
        [`both (${kind})`]: signed({ ...header, typ: `${kind}+jwt` }, { ...claims, aud }),
        [`a user id in a link token (${kind})`]: signed(decodeProtectedHeader(token), { ...claims, aud }),
      });
    }
    const statuses = new Map<string, unknown>();
    for (const [what, token] of Object.entries(forged)) {
      const { status, code, headers } = await me(token);
      t.same({ status, code }, { status: 401, code: 'unauthenticated' }, what);
      statuses.set(what, headers['www-authenticate']);
    }
    t.same([...new Set(statuses.values())], ['Bearer'], 'each names the required scheme');
    t.equal((await me(owner.token)).status, 200, 'the genuine token still works');
  });

  t.test('a forged credential is refused, not ignored, if the credential is optional', async (t) => {
    const none = `${inputOf({ ...header, alg: 'none' }, claims)}.`;
    const { code } = await call('POST', '/v1/invites/accept', { body: { token: inviteToken }, token: none });
    t.equal(code, 'unauthenticated');
  });

  t.test('no kind of token is accepted instead of another', async (t) => {
    for (const { kind, endpoints, refusal } of links) {
      const others = {
        ...Object.fromEntries(links.filter((it) => it.kind !== kind).map((it) => [it.kind, it.token])),
        'an access token': owner.token,
        'a refresh token': owner.refreshToken,
      };
      for (const [what, token] of Object.entries(others)) {
        for (const [name, submit] of Object.entries(endpoints)) {
          const { status, code } = await submit(token);
          t.same({ status, code }, { status: 400, code: refusal }, `${what}, sent to ${name}`);
        }
      }
    }
  });

  for (const link of links) {
    const { kind, token, names, endpoints, refusal } = link;
    const [submit] = Object.values(endpoints) as [Link['endpoints'][string]];

    t.test(`every forged link token is ${refusal}`, async (t) => {
      const linkHeader = decodeProtectedHeader(token) as Json;
      const linkClaims = decodeJwt(token) as Json;
      const forged: Record<string, string> = forgedBy(linkHeader, linkClaims, token.split('.') as never);
      for (const name of names) {
        for (const [what, value] of Object.entries(invalidIds(linkClaims[name], owner.id))) {
          forged[`${name}: ${what}`] = signed(linkHeader, { ...linkClaims, [name]: value });
        }
      }
      for (const other of links.filter((it) => it.kind !== kind)) {
        const { aud, ...named } = decodeJwt(other.token);
        forged[`the type of ${other.kind}`] = signed({ ...linkHeader, typ: `${other.kind}+jwt` }, linkClaims);
        forged[`the audience of ${other.kind}`] = signed(linkHeader, { ...linkClaims, aud });
        if (names.every((it) => other.names.includes(it))) continue;
        forged[`the claims of ${other.kind}`] = signed(linkHeader, { ...named, aud: linkClaims.aud });
      }
      forged['the type of an access token'] = signed({ ...linkHeader, typ: 'at+jwt' }, linkClaims);
      forged['the audience of an access token'] = signed(linkHeader, { ...linkClaims, aud: claims.aud });
      if (names.includes('acc')) {
        forged['another account'] = signed(linkHeader, { ...linkClaims, acc: (await newAccount()).id });
      }
      // An expired invite link has its own problem.
      if (kind !== 'invite') {
        forged.expired = signed(linkHeader, { ...linkClaims, iat: isNow - 700, exp: isNow - 100 });
      }
      for (const [what, it] of Object.entries(forged)) {
        const { status, code } = await submit(it);
        t.same({ status, code }, { status: 400, code: refusal }, what);
      }
      const { status } = await submit(token);
      t.equal(status, kind === 'verify-email' ? 201 : 200, 'the genuine token still works');
    });
  }

  t.test('a malformed Authorization header is 401', async (t) => {
    const { token } = owner;
    const malformed = {
      empty: '',
      'the scheme alone': 'Bearer',
      'the scheme and a space': 'Bearer ',
      'the token alone': token,
      'another scheme': `Basic ${token}`,
      'a similar scheme': `Bearers ${token}`,
      'basic credentials': `Basic ${Buffer.from('adam@example.com:password').toString('base64')}`,
      'a comma between': `Bearer,${token}`,
      'a colon': `Bearer: ${token}`,
      'two tokens': `Bearer ${token} ${token}`,
      'two tokens with a comma': `Bearer ${token}, Bearer ${token}`,
      'a tab': `Bearer\t${token}`,
      'in quotes': `Bearer "${token}"`,
      'a parameter after it': `Bearer ${token}; charset=utf-8`,
      'the word null': 'Bearer null',
      'the word undefined': 'Bearer undefined',
      'the text of an object': 'Bearer [object Object]',
      SQL: "Bearer ' or 1=1 --",
      'other scripts': 'Bearer ключ',
      'a NUL': `Bearer ${token}\0`,
      dots: 'Bearer ...',
      'very long': `Bearer ${'A'.repeat(100_000)}`,
      'very many dots': `Bearer ${'.'.repeat(100_000)}`,
    };
    for (const [what, authorization] of Object.entries(malformed)) {
      const { status, code } = await call('GET', '/v1/me', { headers: { authorization } });
      t.same({ status, code }, { status: 401, code: 'unauthenticated' }, what);
    }
    t.equal((await call('GET', '/v1/me')).code, 'unauthenticated', 'no header');
    t.equal((await call('GET', `/v1/me?access_token=${token}`)).code, 'unauthenticated', 'in the URL');
    t.equal((await call('GET', '/v1/me', { headers: { cookie: `access_token=${token}` } })).code, 'unauthenticated');
  });

  t.test('the scheme is case-insensitive (RFC 9110)', async (t) => {
    for (const scheme of ['bearer', 'BEARER', 'Bearer ']) {
      const { status } = await call('GET', '/v1/me', { headers: { authorization: `${scheme} ${owner.token}` } });
      t.equal(status, 200, scheme);
    }
  });
});

/** Invalid values for a claim with an id or a number. */
function invalidIds(genuine: unknown, idOfUser: string): Record<string, unknown> {
  if (typeof genuine === 'number') return { missing: undefined, 'as text': String(genuine), 'with a fraction': 0.5 };
  const unknown = String(genuine).replace(/_.*/, '_01k7z2n4q8e6tbv5xw3c9d0hjm');
  return {
    missing: undefined,
    'a number': 1,
    'a list': [genuine],
    'an object': {},
    SQL: "' or 1=1 --",
    'the id of a user': idOfUser,
    'an unknown id': unknown,
  };
}

/** The base64url character that differs in the lowest bit. */
function neighbour(letter: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return letters[letters.indexOf(letter) ^ 1] as string;
}

const flipped = (signature: string) => neighbour(signature[0] as string) + signature.slice(1);
