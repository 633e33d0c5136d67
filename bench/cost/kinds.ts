import type { OpenDatabase } from '../../src/database/database.ts';
import { newId, uuidOf } from '../../src/ids.ts';
import type { Service } from '../../src/service.ts';
import { type Invitee, type SeededAccount, seedInvitees } from '../support/seed.ts';
import type { Requests } from './load.ts';

type Request = Requests[number];

/** The same request to the service, and what the bare server is asked in the place of it. */
export interface Pair {
  own: Request;
  bare: Request;
}

export interface Kind {
  name: string;
  /** For reads: which statement of the request the bare server runs. What is written of a key's use comes after the answer. */
  statement?: 'first' | 'last';
  /** How many connections ask at once. */
  connections?: number;
  /** Makes requests: `next` is called once for each, where no two are alike; otherwise the same are asked again and again. */
  make(bench: Bench, account: SeededAccount): Promise<{ next?: () => Pair; all?: Pair[] }>;
}

export interface Bench {
  service: Service;
  database: Pick<OpenDatabase, 'patiently'>;
  sampled: number;
  /** How many requests a kind that uses something up may take at most. */
  most: number;
  password: string;
}

const json = { 'content-type': 'application/json' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const get = (path: string, token: string): Request => ({ method: 'GET', path, headers: bearer(token) });
const post = (path: string, body: object, token?: string): Request => ({
  method: 'POST',
  path,
  headers: { ...json, ...(token === undefined ? {} : bearer(token)) },
  body: JSON.stringify(body),
});
const tokenOf = ({ service }: Bench, { userId, sessionId }: Pick<Invitee, 'userId' | 'sessionId'>) =>
  service.accessTokens.sign(userId, sessionId, new Date());

/** The same address, asked by the owner again and again. */
const reading = (name: string, path: (account: SeededAccount) => string): Kind => ({
  name,
  statement: 'last',
  make: async (bench, account) => ({
    all: [
      {
        own: get(path(account), tokenOf(bench, { userId: account.ownerId, sessionId: account.sessionId })),
        bare: { method: 'GET', path: `/${slug(name)}/0` },
      },
    ],
  }),
});

/** A question about each of the sampled members in turn. */
const asking = (name: string, own: (account: SeededAccount, at: number) => Request): Kind => ({
  name,
  statement: 'first',
  make: async ({ sampled }, account) => ({
    all: Array.from({ length: sampled }, (_, at) => ({
      own: own(account, at),
      bare: { method: 'GET', path: `/${slug(name)}/${at}` },
    })),
  }),
});

/** How the bare server calls it. */
export const slug = (name: string) => name.replaceAll(/\W+/g, '-');

const memberAt = ({ members }: SeededAccount, at: number) =>
  members[at % members.length] as SeededAccount['members'][number];
const evaluationOf = (account: SeededAccount, at: number) => ({
  subject: { type: 'user', id: memberAt(account, at).id },
  action: { name: 'invoices:pay' },
  resource: { type: 'contact', id: '1' },
});

export const batch = 50;

export const kinds: Kind[] = [
  asking('check', (account, at) =>
    get(`/v1/accounts/${account.id}/check?userId=${memberAt(account, at).id}&permission=invoices:pay`, account.key),
  ),
  asking('AuthZEN evaluation', (account, at) => post('/access/v1/evaluation', evaluationOf(account, at), account.key)),
  asking(`${batch} AuthZEN evaluations`, (account, at) =>
    post(
      '/access/v1/evaluations',
      { evaluations: Array.from({ length: batch }, (_, i) => evaluationOf(account, at + i)) },
      account.key,
    ),
  ),
  reading('members, first page', ({ id }) => `/v1/accounts/${id}/members`),
  reading('members, deep page', ({ id, middle }) => `/v1/accounts/${id}/members?cursor=${middle.members}`),
  reading('pending invites, first page', ({ id }) => `/v1/accounts/${id}/invites?status=pending`),
  reading(
    'pending invites, deep page',
    ({ id, middle }) => `/v1/accounts/${id}/invites?status=pending&cursor=${middle.invites}`,
  ),
  {
    name: 'create invite',
    make: async (bench, { id, ownerId, sessionId }) => {
      const token = tokenOf(bench, { userId: ownerId, sessionId });
      return {
        next: () => {
          const email = `${newId('inv')}@example.com`;
          const permissions = ['invoices:read', 'invoices:pay'];
          return {
            own: post(`/v1/accounts/${id}/invites`, { email, access: { permissions } }, token),
            bare: post('/create', { accountId: uuidOf('acc', id), userId: uuidOf('usr', ownerId), email, permissions }),
          };
        },
      };
    },
  },
  {
    name: 'accept invite',
    make: async (bench, account) => {
      const invitees = await bench.database.patiently((db) => seedInvitees(db, account, bench.most));
      const expiresAt = new Date(Date.now() + 7 * 24 * 3_600_000);
      const { signInviteToken } = await import('../../src/invites/token.ts');
      const pairs: Pair[] = [];
      for (const invitee of invitees) {
        const named = { accountId: account.id, inviteId: invitee.inviteId };
        const token = await signInviteToken(bench.service, { ...named, sending: 1 }, { now: new Date(), expiresAt });
        pairs.push({
          own: post('/v1/invites/accept', { token }, tokenOf(bench, invitee)),
          bare: post('/accept', {
            accountId: uuidOf('acc', account.id),
            inviteId: uuidOf('inv', invitee.inviteId),
            userId: uuidOf('usr', invitee.userId),
          }),
        });
      }
      return {
        next: () => {
          const pair = pairs.pop();
          if (!pair) throw new Error('There are no more invites to accept: fewer SECONDS or ROUNDS, please.');
          return pair;
        },
      };
    },
  },
  {
    name: 'login',
    make: async ({ sampled, password }, account) => ({
      all: Array.from({ length: sampled }, (_, at) => {
        const body = { email: memberAt(account, at).email, password };
        return { own: post('/v1/auth/login', body), bare: post('/login', body) };
      }),
    }),
  },
];
