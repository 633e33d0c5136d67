import { createHmac, createPrivateKey, createPublicKey, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { decodeJwt, decodeProtectedHeader, type JWK, SignJWT } from 'jose';
import t, { type Test } from 'tap';
import { externalTokens } from '../../src/tokens/external-token.ts';
import { parseIdentityProviders } from '../../src/tokens/identity-provider.ts';
import { type KeyAnswer, newJwk, startKeyServer, startOidcProvider } from '../support/oidc-server.ts';
import { gate, until } from '../support/until.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

type Json = Record<string, unknown>;

const discovery = '/.well-known/openid-configuration';
const start = Date.parse('2026-11-24T09:00:00Z');
/** The time some seconds after the start, as a Date and as a NumericDate. */
const after = (seconds: number) => new Date(start + seconds * 1000);
const numeric = (seconds: number) => start / 1000 + seconds;

const configured = (...entries: Json[]) => parseIdentityProviders(JSON.stringify(entries));

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const inputOf = (header: unknown, claims: unknown) => `${encode(header)}.${encode(claims)}`;
const privateKeyOf = (jwk: JWK) => createPrivateKey({ key: jwk as never, format: 'jwk' });
const publicKeyOf = (jwk: JWK) => createPublicKey({ key: jwk as never, format: 'jwk' });

/** A JWS with any header and claims, signed with Ed25519. */
function signed(header: unknown, claims: unknown, key: JWK): string {
  const input = inputOf(header, claims);
  return `${input}.${signBytes(null, Buffer.from(input), privateKeyOf(key)).toString('base64url')}`;
}

/** A JWS with any header and claims, and an HMAC as its signature. */
function sealed(header: unknown, claims: unknown, secret: string | Buffer): string {
  const input = inputOf(header, claims);
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

/**
 * A provider with one key, of which everything can be made to be bad, and how its tokens are
 * verified.
 */
async function startIssuer(t: Test, options: Json = {}) {
  const server = await startKeyServer(t);
  const key = await newJwk('EdDSA');
  server.publish(key);
  const entry = { issuer: server.issuer, audience: 'https://api.example.com', ...options };
  const tokens = externalTokens(configured(entry));
  const header: Json = { alg: 'EdDSA', typ: 'at+jwt', kid: key.kid };
  const claims: Json = {
    iss: server.issuer,
    aud: entry.audience,
    sub: 'p-1',
    iat: numeric(0),
    exp: numeric(100_000),
  };
  return {
    server,
    key,
    header,
    claims,
    /** A token of the provider, with the given changes. */
    token: (other: { header?: Json; claims?: Json; key?: JWK & { kid: string } } = {}) =>
      signed(
        { ...header, ...(other.key && { kid: other.key.kid }), ...other.header },
        { ...claims, ...other.claims },
        other.key ?? key,
      ),
    verify: (token: string, seconds = 0) => tokens.verify(token, after(seconds)),
    fetches: () => server.requests('/jwks'),
  };
}

const adam = { sub: 'adam-1', email: 'Adam@Example.com', emailVerified: true, name: 'Adam Adler' };

t.test('the access token of a real provider', async (t) => {
  const provider = await startOidcProvider(t);
  const { issuer, audience, clientId } = provider;
  const tokensWith = (options: Json = {}) => externalTokens(configured({ issuer, audience, ...options }));
  const tokens = tokensWith();
  const now = new Date();
  const minutesLater = (minutes: number) => new Date(now.getTime() + minutes * 60_000);
  const token = await provider.accessToken(adam);
  const identity = { issuer, subject: 'adam-1', email: 'adam@example.com', name: 'Adam Adler' };

  t.test('identifies the user by issuer and subject, with the canonical verified address', async (t) => {
    t.match(decodeProtectedHeader(token), { typ: 'at+jwt', alg: 'ES256' });
    t.same(await tokens.verify(token, now), identity);
    t.equal(provider.requests(discovery), 1);
    t.equal(provider.requests('/jwks'), 1);
    t.same(await tokensWith({ jwksUri: `${issuer}/jwks` }).verify(token, now), identity);
    t.equal(provider.requests(discovery), 1, 'no discovery if jwksUri is set');
  });

  t.test('gives no address that the provider has not verified', async (t) => {
    const unverified = await provider.accessToken({ ...adam, sub: 'eve-1', emailVerified: false });
    t.match(await tokens.verify(unverified, now), { subject: 'eve-1', email: undefined });
    const none = await provider.accessToken({ sub: 'bot-1' });
    t.same(await tokens.verify(none, now), { issuer, subject: 'bot-1', email: undefined, name: undefined });
  });

  t.test('is valid for one audience only', async (t) => {
    const other = await provider.accessToken(adam, 'https://other.example.com');
    t.equal(decodeJwt(other).aud, 'https://other.example.com');
    t.equal(await tokens.verify(other, now), undefined);
    t.same(await tokensWith({ audience: 'https://other.example.com' }).verify(other, now), identity);
  });

  t.test('is not an ID token', async (t) => {
    const idToken = await provider.idToken(adam);
    t.match(decodeJwt(idToken), { iss: issuer, sub: 'adam-1', aud: clientId });
    t.equal(await tokens.verify(idToken, now), undefined);
    const forClient = tokensWith({ audience: clientId });
    t.equal(await forClient.verify(idToken, now), undefined, 'also refused by its type if the audience is the client');
  });

  t.test('verifies with a new key of the provider, and with the old one until it is removed', async (t) => {
    await provider.rotateKeys();
    const next = await provider.accessToken(adam);
    t.not(decodeProtectedHeader(next).kid, decodeProtectedHeader(token).kid);
    t.same(await tokens.verify(next, minutesLater(1)), identity);
    t.same(await tokens.verify(token, minutesLater(1)), identity);
  });

  t.test('does not verify with a retired key', async (t) => {
    await provider.rotateKeys({ keepOld: false });
    const next = await provider.accessToken(adam);
    t.same(await tokens.verify(next, minutesLater(2)), identity);
    t.equal(await tokens.verify(token, minutesLater(2)), undefined);
    t.ok(await tokens.verify(next, minutesLater(59)), 'the new token is still valid');
  });
});

t.test('the default algorithms are accepted, unless others are configured', async (t) => {
  const { server, claims } = await startIssuer(t);
  for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA']) {
    const key = await newJwk(alg);
    const own = { ...claims, iss: server.issuer };
    server.publish(key);
    const token = await new SignJWT(own)
      .setProtectedHeader({ alg, typ: 'at+jwt', kid: key.kid })
      .sign(privateKeyOf(key));
    const fresh = externalTokens(configured({ issuer: server.issuer, audience: String(claims.aud) }));
    t.match(await fresh.verify(token, after(0)), { subject: 'p-1' }, alg);
    const others = ['RS256', 'PS256', 'ES256', 'EdDSA'].filter((it) => it !== alg);
    const choosy = configured({ issuer: server.issuer, audience: String(claims.aud), algorithms: others });
    t.equal(await externalTokens(choosy).verify(token, after(0)), undefined, `${alg} if others are configured`);
  }
});

t.test('an RSA key that is too short is refused', async (t) => {
  const { server, header, claims, verify } = await startIssuer(t);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  server.publish({ ...(publicKey.export({ format: 'jwk' }) as JWK), kid: 'short' });
  const input = inputOf({ ...header, alg: 'RS256', kid: 'short' }, claims);
  const signature = signBytes('sha256', Buffer.from(input), privateKey).toString('base64url');
  t.equal(await verify(`${input}.${signature}`), undefined);
});

t.test('a forged or foreign token is refused', async (t) => {
  const { server, key, header, claims, token, verify, fetches } = await startIssuer(t);
  const foreign = await newJwk('EdDSA');
  const second = await newJwk('EdDSA');
  const { d: _, ...foreignHalf } = foreign;
  const elsewhere = `${server.issuer}/elsewhere`;
  server.publish(key, second);
  server.answer('/elsewhere', { body: { keys: [foreignHalf] } });
  const [head, body, signature] = token().split('.') as [string, string, string];
  const pem = publicKeyOf(key).export({ format: 'pem', type: 'spki' });
  const hs256 = { ...header, alg: 'HS256' };
  const forger = { ...foreign, kid: key.kid };

  const forged = {
    'alg none': `${inputOf({ ...header, alg: 'none' }, claims)}.`,
    'alg None': `${inputOf({ ...header, alg: 'None' }, claims)}.`,
    'alg none with a signature': `${inputOf({ ...header, alg: 'none' }, claims)}.${signature}`,
    'no alg': token({ header: { alg: undefined } }),
    'alg null': token({ header: { alg: null } }),
    'alg is a list': token({ header: { alg: ['EdDSA'] } }),
    'another alg': token({ header: { alg: 'RS256' } }),
    'the alg __proto__': token({ header: { alg: '__proto__' } }),
    'HS256 with the PEM of the public key': sealed(hs256, claims, pem),
    'HS256 with the DER of the public key': sealed(
      hs256,
      claims,
      publicKeyOf(key).export({ format: 'der', type: 'spki' }),
    ),
    'HS256 with the bytes of the public key': sealed(hs256, claims, Buffer.from(key.x as string, 'base64url')),
    'HS256 with the public JWK': sealed(hs256, claims, JSON.stringify({ ...key, d: undefined })),
    'HS256 with nothing': sealed(hs256, claims, ''),
    'no signature': `${head}.${body}.`,
    'a foreign key': token({ key: foreign }),
    'a foreign key with the kid of the provider’s key': token({ key: forger }),
    'the second key with the kid of the first': token({ key: { ...second, kid: key.kid } }),
    'no kid, where there are two keys': token({ header: { kid: undefined } }),
    'an empty kid': token({ header: { kid: '' } }),
    'a kid that is a path': token({ header: { kid: '../../../../dev/null' } }),
    'a kid that is a URL': token({ header: { kid: elsewhere }, key: forger }),
    'a kid that is SQL': token({ header: { kid: "' or 1=1 --" } }),
    'a kid that is a number': token({ header: { kid: 0 } }),
    'a kid that is null': token({ header: { kid: null } }),
    'a kid that is a list': token({ header: { kid: [key.kid] } }),
    'a kid that is an object': token({ header: { kid: { toString: key.kid } } }),
    'the kid __proto__': token({ header: { kid: '__proto__' } }),
    'a key in the header': token({ header: { jwk: foreignHalf }, key: forger }),
    'a key in the header and its kid': token({ header: { jwk: foreignHalf }, key: foreign }),
    'a key set elsewhere': token({ header: { jku: elsewhere }, key: forger }),
    'a key set elsewhere and its kid': token({ header: { jku: elsewhere }, key: foreign }),
    'a certificate elsewhere': token({ header: { x5u: elsewhere }, key: forger }),
    'a certificate in the header': token({ header: { x5c: [pem] }, key: forger }),
    'an unknown critical header': token({ header: { crit: ['exp'], exp: 1 } }),
    'a critical header that is not there': token({ header: { crit: ['b64'] } }),
    'an empty list of critical headers': token({ header: { crit: [] } }),
    'a payload that is not encoded': token({ header: { crit: ['b64'], b64: false } }),
    'no type': token({ header: { typ: undefined } }),
    'the type JWT': token({ header: { typ: 'JWT' } }),
    'the type of another kind': token({ header: { typ: 'logout+jwt' } }),
    'a type that is a number': token({ header: { typ: 1 } }),
    'a type that is a list': token({ header: { typ: ['at+jwt'] } }),
    'another audience': token({ claims: { aud: 'https://other.example.com' } }),
    'an audience that is longer': token({ claims: { aud: `${claims.aud}/` } }),
    'the issuer as the audience': token({ claims: { aud: server.issuer } }),
    'no audience': token({ claims: { aud: undefined } }),
    'an audience that is null': token({ claims: { aud: null } }),
    'an audience that is an object': token({ claims: { aud: { [String(claims.aud)]: true } } }),
    'an empty list of audiences': token({ claims: { aud: [] } }),
    'no expiry': token({ claims: { exp: undefined } }),
    'an expiry that is text': token({ claims: { exp: '9999999999' } }),
    'an expiry that is null': token({ claims: { exp: null } }),
    'no time of issue': token({ claims: { iat: undefined } }),
    'a time of issue that is text': token({ claims: { iat: String(numeric(0)) } }),
    'a time of issue that is null': token({ claims: { iat: null } }),
    'no subject': token({ claims: { sub: undefined } }),
    'a subject that is null': token({ claims: { sub: null } }),
    'a subject that is a number': token({ claims: { sub: 1 } }),
    'a subject that is a list': token({ claims: { sub: ['p-1'] } }),
    'a subject that is an object': token({ claims: { sub: {} } }),
    'an empty subject': token({ claims: { sub: '' } }),
    'a subject of 256 characters': token({ claims: { sub: 'x'.repeat(256) } }),
    'a subject with a NUL': token({ claims: { sub: 'p-1\0' } }),
    'a subject with a line break': token({ claims: { sub: 'p-1\n' } }),
    'a subject with an unpaired surrogate': token({ claims: { sub: 'p-1\ud800' } }),
    'bound to a key of its client': token({ claims: { cnf: { jkt: key.kid } } }),
    'a payload that is null': signed(header, null, key),
    'a payload that is a list': signed(header, [claims], key),
    'a payload that is text': signed(header, JSON.stringify(claims), key),
    'a payload that is not JSON': `${head}.${Buffer.from('{').toString('base64url')}.${signature}`,
    'a header that is null': signed(null, claims, key),
    'a header that is not JSON': `${Buffer.from('{').toString('base64url')}.${body}.${signature}`,
    'another payload under the signature': `${head}.${encode({ ...claims, sub: 'p-2' })}.${signature}`,
    'a signature cut short': `${head}.${body}.${signature.slice(0, -4)}`,
    'one part': head,
    'two parts': `${head}.${body}`,
    'four parts': `${head}.${body}.${signature}.${signature}`,
    'five parts, as if encrypted': `${head}.${body}.${signature}.${signature}.${signature}`,
    'only dots': '..',
    empty: '',
    'a space around it': ` ${token()} `,
    'more than 16 KiB': token({ claims: { filler: 'x'.repeat(16 * 1024) } }),
    '10 MB': `${head}.${'A'.repeat(10_000_000)}.${signature}`,
  };
  for (const [what, it] of Object.entries(forged)) t.equal(await verify(it), undefined, what);
  t.equal(fetches(), 1, 'the provider’s keys were fetched once');
  t.equal(server.requests('/elsewhere'), 0, 'no URL from a token was fetched');
  t.match(await verify(token()), { subject: 'p-1' }, 'the genuine token is valid');
  t.match(await verify(token({ key: second })), { subject: 'p-1' }, 'so is a token with the second key');
});

t.test('extra headers and claims of a genuine token are ignored', async (t) => {
  const { server, key, claims, token, verify, fetches } = await startIssuer(t);
  const { d: _, ...foreignHalf } = await newJwk('EdDSA');
  const elsewhere = `${server.issuer}/elsewhere`;
  server.answer('/elsewhere', { body: { keys: [foreignHalf] } });
  const genuine = {
    'a foreign key, key set and certificate': token({
      header: { jwk: foreignHalf, jku: elsewhere, x5u: elsewhere, x5c: ['MII'] },
    }),
    'the full type in another case': token({ header: { typ: 'application/AT+JWT' } }),
    'several audiences': token({ claims: { aud: ['https://other.example.com', claims.aud] } }),
    'unknown claims': token({ claims: { scope: 'openid', roles: ['admin'], permissions: ['*'] } }),
    'no kid, where there is one key': token({ header: { kid: undefined } }),
    'just under 16 KiB': token({ claims: { filler: 'x'.repeat(11_000) } }),
  };
  for (const [what, it] of Object.entries(genuine)) {
    const identity = { issuer: server.issuer, subject: 'p-1', email: undefined, name: undefined };
    t.same(await verify(it), identity, what);
  }
  t.equal(server.requests('/elsewhere'), 0);
  t.equal(fetches(), 1);

  server.publish({ ...key, use: 'enc' });
  t.equal(await verify(token(), 600), undefined, 'a key that is not for signatures is refused');
});

t.test('a token is valid for its lifetime, with a minute of clock tolerance', async (t) => {
  const { token, verify } = await startIssuer(t);
  const timed = (claims: Json) => token({ claims });
  const [good, bad] = [{ subject: 'p-1' }, undefined];
  const expiring = timed({ iat: numeric(0), exp: numeric(300) });
  t.match(await verify(expiring, 359), good);
  t.equal(await verify(expiring, 360), bad);
  t.match(await verify(timed({ iat: numeric(60) })), good);
  t.equal(await verify(timed({ iat: numeric(61) })), bad);
  t.match(await verify(timed({ nbf: numeric(60) })), good);
  t.equal(await verify(timed({ nbf: numeric(61) })), bad);
  t.equal(await verify(timed({ nbf: 'soon' })), bad);
});

t.test('with the type JWT, the audience distinguishes access tokens from ID tokens', async (t) => {
  const { token, verify } = await startIssuer(t, { typ: 'JWT' });
  const header = { typ: 'JWT' };
  t.match(await verify(token({ header })), { subject: 'p-1' });
  t.equal(await verify(token({ header, claims: { aud: 'frontend', nonce: 'n' } })), undefined);
  t.equal(await verify(token()), undefined, 'the type is still required');
});

t.test('the user in a token', async (t) => {
  const { token, verify } = await startIssuer(t);
  const identityWith = async (claims: Json) => await verify(token({ claims }));

  t.test('has the subject unchanged', async (t) => {
    for (const sub of ['x'.repeat(255), 'auth0|5f7c8ec7', "' or 1=1 --", 'Ünï', ' P-1 ', '__proto__']) {
      t.equal((await identityWith({ sub }))?.subject, sub);
    }
  });

  t.test('has the canonical address if the provider has verified it', async (t) => {
    const emailOf = async (email: unknown, email_verified: unknown) =>
      (await identityWith({ email, email_verified }))?.email;
    t.equal(await emailOf('ADAM@Example.COM', true), 'adam@example.com');
    t.equal(await emailOf('adam@example.com', 'true'), 'adam@example.com');
    t.equal(await emailOf('\u00a0adam@example.com\u200b ', true), 'adam@example.com');
    for (const verified of [false, undefined, null, 'false', 'TRUE', 1, '1', {}, [true]]) {
      t.equal(await emailOf('adam@example.com', verified), undefined, JSON.stringify(verified));
    }
    for (const email of [
      'adam',
      '',
      'a@b',
      'adam@example.com\0',
      `${'x'.repeat(300)}@example.com`,
      null,
      1,
      {},
      ['a@b.c'],
    ]) {
      t.equal(await emailOf(email, true), undefined, JSON.stringify(email));
    }
  });

  t.test('has a name of one line with at most 100 characters, or none', async (t) => {
    const nameOf = async (name: unknown) => (await identityWith({ name }))?.name;
    t.equal(await nameOf('  Adam\r\nBcc: eve@example.com  '), 'Adam Bcc: eve@example.com');
    t.equal(await nameOf('Adam\u202eeve\0'), 'Adam eve');
    t.equal(await nameOf('𝒜'.repeat(101)), '𝒜'.repeat(100));
    t.equal(await nameOf(`${'a'.repeat(99)} b`), 'a'.repeat(99));
    t.equal(await nameOf('\u200b\u00a0Adam\u2060'), 'Adam');
    for (const name of ['', ' ', '\0', '\u200b', '\u2800', '\u3164', null, 1, {}, ['Adam'], undefined]) {
      t.equal(await nameOf(name), undefined, JSON.stringify(name));
    }
  });

  t.test('can be in claims with configured names', async (t) => {
    const { server, claims, token } = await startIssuer(t);
    const [provider] = configured({
      issuer: server.issuer,
      audience: claims.aud,
      emailClaim: 'https://example.com/mail',
      emailVerifiedClaim: 'mail_ok',
      nameClaim: 'nickname',
    });
    const it = token({
      claims: {
        'https://example.com/mail': 'adam@example.com',
        mail_ok: true,
        nickname: 'Ad',
        email: 'eve@example.com',
      },
    });
    t.match(await externalTokens([provider as never]).verify(it, after(0)), { email: 'adam@example.com', name: 'Ad' });
  });

  t.test('must have a configured acr', async (t) => {
    const { token, verify } = await startIssuer(t, { acr: ['mfa', 'phr'] });
    for (const acr of ['mfa', 'phr']) t.match(await verify(token({ claims: { acr } })), { subject: 'p-1' }, acr);
    for (const acr of [undefined, null, '', 'pwd', 'MFA', ['mfa'], { mfa: true }, 0]) {
      t.equal(await verify(token({ claims: { acr } })), undefined, JSON.stringify(acr));
    }
  });
});

t.test('several providers', async (t) => {
  const [one, two, stranger] = [await startIssuer(t), await startIssuer(t), await startIssuer(t)];
  const audience = one.claims.aud;
  const tokens = externalTokens(
    configured({ issuer: one.server.issuer, audience }, { issuer: two.server.issuer, audience }),
  );
  const verify = (token: string) => tokens.verify(token, after(0));

  t.test('verify only with their own keys', async (t) => {
    t.match(await verify(one.token()), { issuer: one.server.issuer, subject: 'p-1' });
    t.match(await verify(two.token()), { issuer: two.server.issuer, subject: 'p-1' });
    t.equal(await verify(two.token({ claims: { iss: one.server.issuer } })), undefined);
  });

  t.test('are the only ones: nothing is fetched for another issuer', async (t) => {
    const { issuer } = one.server;
    const { key, token } = await startIssuer(t);
    const asked = await startKeyServer(t);
    asked.publish(key);
    const fresh = externalTokens(configured({ issuer: asked.issuer, audience }));
    const others = [undefined, null, '', `${asked.issuer}/`, asked.issuer.toUpperCase(), `${asked.issuer}#`, issuer];
    for (const iss of [...others, [asked.issuer], { [asked.issuer]: true }, 1]) {
      t.equal(await fresh.verify(token({ claims: { iss } }), after(0)), undefined, JSON.stringify(iss));
    }
    t.equal(await verify(stranger.token()), undefined);
    for (const { requests } of [asked, stranger.server]) t.same([requests(discovery), requests('/jwks')], [0, 0]);
    t.match(await fresh.verify(token({ claims: { iss: asked.issuer } }), after(0)), { issuer: asked.issuer });
    t.equal(await externalTokens([]).verify(token(), after(0)), undefined, 'also without any provider');
  });

  t.test('are independent if one fails', async (t) => {
    const fresh = externalTokens(
      configured({ issuer: one.server.issuer, audience }, { issuer: two.server.issuer, audience }),
    );
    two.server.answer('/jwks', { status: 500 });
    await t.rejects(fresh.verify(two.token(), after(0)), { code: 'unavailable' });
    t.match(await fresh.verify(one.token(), after(0)), { subject: 'p-1' });
  });
});

t.test('the keys of a provider', async (t) => {
  t.test('are fetched once for concurrent tokens', async (t) => {
    const { server, key, token, verify, fetches } = await startIssuer(t);
    const { open, opened } = gate();
    const { d: _, ...half } = key;
    server.answer('/jwks', { body: { keys: [half] }, after: opened });
    const all = Promise.all(Array.from({ length: 50 }, () => verify(token())));
    await until('the fetch', () => fetches() > 0);
    open();
    t.equal((await all).filter((it) => it?.subject === 'p-1').length, 50);
    t.equal(fetches(), 1);
    t.equal(server.requests(discovery), 1);
  });

  t.test('are cached for ten minutes', async (t) => {
    const { token, verify, fetches } = await startIssuer(t);
    for (const seconds of [0, 1, 300, 599]) t.ok(await verify(token(), seconds));
    t.equal(fetches(), 1);
    for (const seconds of [600, 601, 1199]) t.ok(await verify(token(), seconds));
    t.equal(fetches(), 2);
  });

  t.test('are fetched again for an unknown key id, at most once in 30 seconds', async (t) => {
    const { token, verify, fetches } = await startIssuer(t);
    const invented = (seconds: number) => verify(token({ header: { kid: `unknown ${Math.random()}` } }), seconds);
    t.ok(await verify(token()));
    for (let second = 0; second < 30; second++) t.equal(await invented(second), undefined);
    t.equal(fetches(), 1, 'not within 30 seconds of the last fetch');
    const many = await Promise.all(Array.from({ length: 500 }, () => invented(30)));
    t.ok(many.every((it) => it === undefined));
    t.equal(fetches(), 2, 'once for 500 concurrent tokens');
    for (let second = 31; second <= 300; second++) await invented(second);
    t.equal(fetches(), 2 + 9, 'nine times in the next 270 seconds');
    t.ok(await verify(token(), 301), 'the genuine token stays valid');
  });

  t.test('include a new key as soon as a token uses it', async (t) => {
    const { server, key, token, verify, fetches } = await startIssuer(t);
    const next = await newJwk('EdDSA');
    t.ok(await verify(token()));
    const { open, opened } = gate();
    const halves = [key, next].map(({ d, ...half }) => half);
    server.answer('/jwks', { body: { keys: halves }, after: opened });
    t.equal(await verify(token({ key: next }), 29), undefined, 'not before the cooldown ends');
    const all = Promise.all([verify(token({ key: next }), 30), verify(token({ key: next }), 30)]);
    await until('the fetch', () => fetches() === 2);
    t.ok(await verify(token(), 30), 'tokens with a known key do not wait');
    open();
    t.match(await all, [{ subject: 'p-1' }, { subject: 'p-1' }], 'tokens with the new key wait for the fetch');
    t.equal(fetches(), 2);
  });

  t.test('no longer include a key that the provider removed', async (t) => {
    const { server, token, verify } = await startIssuer(t);
    const next = await newJwk('EdDSA');
    t.ok(await verify(token()));
    server.publish(next);
    t.ok(await verify(token(), 599));
    t.equal(await verify(token(), 600), undefined);
  });

  t.test('are not replaced by an empty key set', async (t) => {
    const { server, key, token, verify } = await startIssuer(t);
    t.ok(await verify(token()));
    server.answer('/jwks', { body: { keys: [] } });
    const unknown = token({ header: { kid: 'unknown' } });
    await t.rejects(verify(unknown, 30), { code: 'unavailable' });
    t.ok(await verify(token(), 30), 'the cached keys stay valid');
    server.publish(key);
    t.equal(await verify(unknown, 60), undefined);
    const { server: empty, token: any, verify: verifyAny } = await startIssuer(t);
    empty.answer('/jwks', { body: { keys: [] } });
    await t.rejects(verifyAny(any()), { code: 'unavailable' });
  });

  t.test('are used for an hour while the provider is unavailable', async (t) => {
    const { server, key, token, verify, fetches } = await startIssuer(t);
    t.ok(await verify(token()));
    server.answer('/jwks', { status: 500 });
    for (const seconds of [600, 601, 609]) t.ok(await verify(token(), seconds));
    t.equal(fetches(), 2, 'no fetch for ten seconds after a failure');
    t.ok(await verify(token(), 3599));
    t.equal(fetches(), 3);
    await t.rejects(verify(token(), 3609), { code: 'unavailable' }, 'not after an hour');
    server.publish(key);
    t.ok(await verify(token(), 3619), 'again when the provider is back');
  });

  t.test('are used without waiting in the minute after a failure', async (t) => {
    const { server, key, token, verify, fetches } = await startIssuer(t);
    const [next, { open, opened }] = [await newJwk('EdDSA'), gate()];
    t.ok(await verify(token()));
    server.answer('/jwks', { status: 500 });
    t.ok(await verify(token(), 600));
    server.answer('/jwks', { status: 500, after: opened });
    const began = performance.now();
    t.ok(await verify(token(), 659), 'during the fetch');
    t.ok(performance.now() - began < 2_900);
    await until('the fetch', () => fetches() === 3);
    server.publish(next);
    open();
    await t.rejects(verify(token({ key: next }), 659), { code: 'unavailable' }, 'an unknown key is still unavailable');
    t.equal(await verify(token({ key }), 719), undefined, 'after a minute the fetch is awaited');
    t.ok(await verify(token({ key: next }), 719));
  });

  t.test('an unknown key is unavailable, not invalid, while the provider is unavailable', async (t) => {
    const { server, token, verify, fetches } = await startIssuer(t);
    const unknown = token({ header: { kid: 'unknown' } });
    t.ok(await verify(token()));
    server.answer('/jwks', { status: 500 });
    t.equal(await verify(unknown, 29), undefined);
    for (const seconds of [30, 31, 59]) await t.rejects(verify(unknown, seconds), { code: 'unavailable' });
    t.equal(fetches(), 2, 'no more fetches than for an available provider');
    t.ok(await verify(token(), 59));
    await t.rejects(verify(unknown, 60), { code: 'unavailable' });
    t.equal(fetches(), 3);
  });

  t.test('are unavailable without a new fetch for ten seconds after a failure', async (t) => {
    const { server, key, token, verify, fetches } = await startIssuer(t);
    server.answer('/jwks', { status: 500 });
    for (const seconds of [0, 0, 5, 9]) {
      const missed = { code: 'unavailable', detail: /identity provider/, cause: { message: /answered 500/ } };
      await t.rejects(verify(token(), seconds), missed);
    }
    t.equal(fetches(), 1);
    server.publish(key);
    t.ok(await verify(token(), 10));
    t.equal(fetches(), 2);
  });
});

t.test('a provider whose keys cannot be fetched', async (t) => {
  const key = await newJwk('EdDSA');
  const { d: _, ...half } = key;
  const keys = (count: number) => ({ keys: Array.from({ length: count }, (_, i) => ({ ...half, kid: `${i}` })) });
  const padded = (bytes: number) => {
    const text = JSON.stringify({ keys: [half] });
    return text + ' '.repeat(bytes - text.length);
  };
  const json = (body: unknown): KeyAnswer => ({ body });
  const inTime: Record<string, [KeyAnswer, RegExp]> = {
    'answers 500': [{ status: 500, body: { keys: [half] } }, /answered 500/],
    'answers 404': [{ status: 404 }, /answered 404/],
    'answers 204': [{ status: 204 }, /answered 204/],
    'redirects to them': [{ status: 302, headers: { location: '/elsewhere' } }, /fetch failed/],
    'sends HTML': [json('<!doctype html>'), /JSON/],
    'sends nothing': [json(''), /JSON/],
    'sends null': [json('null'), /malformed/],
    'sends a list': [json([half]), /malformed/],
    'sends keys that are not a list': [json({ keys: half }), /malformed/],
    'sends invalid keys': [json({ keys: [half, null] }), /malformed/],
    'sends keys that are text': [json({ keys: ['key'] }), /malformed/],
    'sends 101 keys': [json(keys(101)), /more than 100 keys/],
    'sends 256 KiB and a byte': [json(padded(256 * 1024 + 1)), /more than 262144 bytes/],
    'sends 10 MB': [json(padded(10_000_000)), /more than 262144 bytes/],
    'sends without end': ['flood', /more than 262144 bytes/],
    'closes the connection in the middle': ['half', /terminated/],
  };
  for (const [what, [answer, cause]] of Object.entries(inTime)) {
    t.test(`is unavailable at once if it ${what}`, async (t) => {
      const { server, token, verify } = await startIssuer(t);
      server.answer('/jwks', answer);
      server.answer('/elsewhere', json({ keys: [half] }));
      const began = performance.now();
      await t.rejects(verify(token({ key })), { code: 'unavailable', cause: { message: cause } });
      t.ok(performance.now() - began < 2_900);
      t.equal(server.requests('/elsewhere'), 0);
    });
  }

  t.test('is unavailable after three seconds if it does not answer completely', async (t) => {
    const late = async (path: string, answer: KeyAnswer, slowDiscovery = 0) => {
      const { server, token, verify, fetches } = await startIssuer(t);
      const { issuer, jwksUri } = server;
      server.answer(discovery, { body: { issuer, jwks_uri: jwksUri }, after: pause(slowDiscovery) });
      server.answer(path, answer);
      const began = performance.now();
      const missed = { code: 'unavailable', cause: { name: 'TimeoutError' } };
      await t.rejects(Promise.all([verify(token()), verify(token())]), missed, `${path} ${answer}`);
      const took = performance.now() - began;
      t.ok(took > 2_900 && took < 4_900, `took ${took} ms`);
      await t.rejects(verify(token(), 9), missed);
      t.ok(performance.now() - began < took + 1_000, 'the next token does not wait');
      t.ok(fetches() <= 1);
    };
    // What waits must not depend on what the garbage collector leaves: fetch holds its signal
    // weakly.
    const collecting = setInterval(collectGarbage, 100);
    t.teardown(() => clearInterval(collecting));
    await Promise.all([
      late('/jwks', 'hang'),
      late('/jwks', 'hang', 2_000),
      late('/jwks', 'stall'),
      late(discovery, 'hang'),
      late(discovery, 'stall'),
    ]);
  });

  t.test('is unavailable if the connection is refused', async (t) => {
    const { server, token, verify } = await startIssuer(t);
    server.stop();
    await t.rejects(verify(token()), { code: 'unavailable', cause: { cause: { code: 'ECONNREFUSED' } } });
  });

  t.test('is accepted with 100 keys and 256 KiB', async (t) => {
    for (const body of [{ keys: [...keys(99).keys, half] }, padded(256 * 1024)]) {
      const { server, token, verify } = await startIssuer(t);
      server.answer('/jwks', json(body));
      t.ok(await verify(token({ key })));
    }
  });

  t.test('with an unusable key only refuses its tokens', async (t) => {
    const unusable: Record<string, JWK> = {
      'a private key': key,
      'an invalid key': { kty: 'OKP', crv: 'Ed25519', x: 'AA', kid: key.kid },
      'a symmetric key': { kty: 'oct', k: 'c2VjcmV0', kid: key.kid },
    };
    for (const [what, it] of Object.entries(unusable)) {
      const { server, token, verify } = await startIssuer(t);
      server.answer('/jwks', json({ keys: [it] }));
      t.equal(await verify(token({ key })), undefined, what);
    }
  });
});

t.test('discovery', async (t) => {
  const { issuer: elsewhere } = await startKeyServer(t);

  t.test('must name the exact issuer and a trusted key URL', async (t) => {
    const documents: Record<string, (issuer: string) => unknown> = {
      'another issuer': (issuer) => ({ issuer: elsewhere, jwks_uri: `${issuer}/jwks` }),
      'the issuer with a trailing slash': (issuer) => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}/jwks` }),
      'no issuer': (issuer) => ({ jwks_uri: `${issuer}/jwks` }),
      'no keys': (issuer) => ({ issuer }),
      'keys without TLS': (issuer) => ({ issuer, jwks_uri: 'http://keys.example.com/jwks' }),
      'keys in a file': (issuer) => ({ issuer, jwks_uri: 'file:///etc/passwd' }),
      'keys that are not a URL': (issuer) => ({ issuer, jwks_uri: '/jwks' }),
      'keys that are a list': (issuer) => ({ issuer, jwks_uri: [`${issuer}/jwks`] }),
      nothing: () => null,
    };
    for (const [what, document] of Object.entries(documents)) {
      const { server, token, verify, fetches } = await startIssuer(t);
      server.answer(discovery, { body: JSON.stringify(document(server.issuer)) });
      await t.rejects(verify(token()), { code: 'unavailable', cause: { message: /openid-configuration names/ } }, what);
      t.equal(fetches(), 0);
    }
  });

  t.test('supports an issuer with a trailing slash or a path', async (t) => {
    const { server, key, claims } = await startIssuer(t);
    for (const issuer of [`${server.issuer}/`, `${server.issuer}/tenant/v2.0`]) {
      const at = `${new URL(issuer).pathname.replace(/\/$/, '')}${discovery}`;
      server.answer(at, { body: { issuer, jwks_uri: server.jwksUri } });
      const tokens = externalTokens(configured({ issuer, audience: claims.aud }));
      const token = signed({ alg: 'EdDSA', typ: 'at+jwt', kid: key.kid }, { ...claims, iss: issuer }, key);
      t.match(await tokens.verify(token, after(0)), { issuer, subject: 'p-1' });
    }
  });
});

t.test('OIDC_ISSUERS', async (t) => {
  const minimal = { issuer: 'https://id.example.com', audience: 'https://api.example.com' };

  t.test('requires an issuer and an audience, and has defaults for the rest', async (t) => {
    t.same(configured(minimal), [
      {
        ...minimal,
        jwksUri: undefined,
        algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
        typ: 'at+jwt',
        emailClaim: 'email',
        emailVerifiedClaim: 'email_verified',
        nameClaim: 'name',
        acr: undefined,
      },
    ]);
    t.same(configured(), []);
  });

  t.test('accepts every field', async (t) => {
    const full = {
      issuer: 'https://id.example.com/tenant/',
      audience: 'api',
      jwksUri: 'https://keys.example.com/jwks',
      algorithms: ['ES512', 'Ed25519'],
      typ: 'JWT',
      emailClaim: 'mail',
      emailVerifiedClaim: 'mail_ok',
      nameClaim: 'nickname',
      acr: ['mfa'],
    };
    t.same(configured(full, minimal)[0], full);
  });

  t.test('requires TLS, except on localhost', async (t) => {
    for (const host of ['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080']) {
      const issuer = `http://${host}`;
      t.equal(configured({ ...minimal, issuer, jwksUri: `${issuer}/jwks` })[0]?.issuer, issuer);
    }
    const issuers = [
      'http://id.example.com',
      'http://localhost.example.com',
      'http://127.0.0.1.example.com',
      'http://[::2]',
      'ftp://localhost',
      'https://user:password@id.example.com',
      'http://user@localhost',
      'id.example.com',
      '',
      null,
      1,
      ['https://id.example.com'],
    ];
    for (const url of issuers) {
      t.throws(() => configured({ ...minimal, issuer: url }), { message: /issuer must be an https: URL/ }, String(url));
      if (url !== null)
        t.throws(() => configured({ ...minimal, jwksUri: url }), { message: /jwksUri must be an https: URL/ });
    }
    for (const url of ['https://id.example.com?a=b', 'https://id.example.com/#a', 'https://id.example.com/?']) {
      t.throws(() => configured({ ...minimal, issuer: url }), { message: /issuer must not have a query/ }, url);
    }
  });

  t.test('refuses symmetric algorithms and none', async (t) => {
    for (const algorithms of [['HS256'], ['RS256', 'HS512'], ['none'], ['rs256'], ['__proto__']]) {
      t.throws(() => configured({ ...minimal, algorithms }), { message: /algorithms must be one or more of RS256/ });
    }
  });

  t.test('reports all mistakes', async (t) => {
    const wrong = [
      { ...minimal, issuer: 'http://id.example.com', secret: 'x', algorithms: [] },
      { audience: ' ', typ: '', acr: 'mfa' },
      minimal,
      { ...minimal, audience: 1, ['__proto__']: 1, emailClaim: null, nameClaim: [], acr: [1] },
      null,
      [],
      'https://id.example.com',
    ];
    const aUrl = 'must be an https: URL (or http: on localhost) without a user and password';
    const [aText, texts] = ['must be a non-empty string', 'must be a non-empty array of strings'];
    t.same(messageOf(() => configured(...(wrong as Json[]))).split('; '), [
      'entry 1: secret is an unknown field',
      `entry 1: issuer ${aUrl}`,
      `entry 1: algorithms ${texts}`,
      `entry 2: issuer ${aUrl}`,
      `entry 2: audience ${aText}`,
      `entry 2: typ ${aText}`,
      `entry 2: acr ${texts}`,
      'entry 4: __proto__ is an unknown field',
      `entry 4: audience ${aText}`,
      `entry 4: emailClaim ${aText}`,
      `entry 4: nameClaim ${aText}`,
      `entry 4: acr ${aText}`,
      'entry 5: must be an object',
      'entry 6: must be an object',
      'entry 7: must be an object',
      'each issuer must be unique',
    ]);
  });

  t.test('is a JSON array', async (t) => {
    for (const text of ['', '{', 'null', '{}', '"https://id.example.com"', JSON.stringify(minimal)]) {
      t.throws(() => parseIdentityProviders(text), { message: /^must be a JSON array/ }, text);
    }
  });
});

function messageOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    return (error as Error).message;
  }
  return '';
}
