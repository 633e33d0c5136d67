import type { OpenDatabase } from '../../src/database/database.ts';
import { newId, uuidOf } from '../../src/ids/ids.ts';
import { signInviteToken } from '../../src/invites/token.ts';
import type { Service } from '../../src/service.ts';
import { type Invitee, type SeededAccount, type SeededMember, seedInvitees } from '../support/seed.ts';
import type { Request, Requests } from './load.ts';

/** Whether the requests come from a thousand callers in turn, or from one caller. */
export type Audience = 'many' | 'one';

/** The same request to the service and to the bare server. */
export interface Pair {
  service: Request;
  bare: Request;
}

/**
 * A list of requests to send in turn, or, for writes, a function that gives a new request each
 * time.
 */
export type Series = Pair[] | { [Server in keyof Pair]: () => Request };

export const requestsOf = (series: Series, server: keyof Pair): Requests =>
  Array.isArray(series) ? series.map((it) => it[server]) : series[server];

export interface Bench {
  service: Service;
  database: Pick<OpenDatabase, 'withoutTimeouts'>;
  /** A hundred accounts of a thousand members each. */
  manyAccounts: Pick<SeededAccount, 'id'>[];
  /** How many invites each server accepts at most in one measurement. */
  maxAccepts: { [Server in keyof Pair]: number };
  password: string;
}

export interface Kind {
  name: string;
  /** For reads: which of the service's statements the bare server runs. */
  statement?: 'first' | 'last';
  /** Whether the request does not concern an account, and so is measured only once. */
  isOutsideAccounts?: boolean;
  requests(bench: Bench, account: SeededAccount, audience: Audience): Series | Promise<Series>;
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const get = (path: string, token: string): Request => ({ method: 'GET', path, headers: bearer(token) });
const post = (path: string, body: object, token?: string): Request => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json', ...(token !== undefined && bearer(token)) },
  body: JSON.stringify(body),
});

const signAccessToken = ({ service }: Bench, userId: SeededMember['id'], sessionId: SeededMember['sessionId']) =>
  service.accessTokens.sign(userId, sessionId, new Date());

type Credential = 'access token' | 'API key';

/** The callers, each with a credential. */
function listCallers(
  bench: Bench,
  { members }: SeededAccount,
  audience: Audience,
  credential: Credential = 'access token',
) {
  const callers = audience === 'many' ? members : members.slice(0, 1);
  return callers.map((it) => ({
    id: it.id,
    token: credential === 'API key' ? it.key : signAccessToken(bench, it.id, it.sessionId),
  }));
}

/** The n-th item, starting over at the end. */
const nth = <Item>(items: readonly Item[], n: number) => items[n % items.length] as Item;

const bareRead = (audience: Audience, n: number): Request => ({ method: 'GET', path: `/${audience}/${n}` });

/** Each caller in turn checks a different member; a single caller checks all of them. */
const checkKind = (
  name: string,
  credential: Credential,
  toRequest: (account: SeededAccount, n: number, token: string) => Request,
): Kind => ({
  name,
  statement: 'first',
  requests(bench, account, audience) {
    const callers = listCallers(bench, account, audience, credential);
    return account.members.map((_, n) => ({
      service: toRequest(account, n + 1, nth(callers, n).token),
      bare: bareRead(audience, n),
    }));
  },
});

/** Each caller in turn reads the same page. */
const readKind = (name: string, path: (account: SeededAccount) => string): Kind => ({
  name,
  statement: 'last',
  requests: (bench, account, audience) =>
    listCallers(bench, account, audience).map(({ token }, n) => ({
      service: get(path(account), token),
      bare: bareRead(audience, n),
    })),
});

const check = ({ id, members }: SeededAccount, n: number, token: string) =>
  get(`/v1/accounts/${id}/check?userId=${nth(members, n).id}&permission=invoices:pay`, token);

const evaluation = ({ id, members }: SeededAccount, n: number) => ({
  subject: { type: 'user', id: nth(members, n).id },
  action: { name: 'invoices:pay' },
  resource: { type: 'contact', id: '1', properties: { accountId: id } },
});

const evaluate = (account: SeededAccount, n: number, token: string) =>
  post('/access/v1/evaluation', evaluation(account, n), token);

const evaluateMany = (account: SeededAccount, n: number, token: string) =>
  post(
    '/access/v1/evaluations',
    { evaluations: Array.from({ length: 50 }, (_, i) => evaluation(account, n + i)) },
    token,
  );

export const kinds: Kind[] = [
  checkKind('check', 'access token', check),
  checkKind('check, API key', 'API key', check),
  checkKind('AuthZEN evaluation', 'access token', evaluate),
  checkKind('AuthZEN evaluation, API key', 'API key', evaluate),
  checkKind('50 AuthZEN evaluations, API key', 'API key', evaluateMany),
  readKind('members, first page', ({ id }) => `/v1/accounts/${id}/members`),
  readKind('members, deep page', ({ id, middle }) => `/v1/accounts/${id}/members?cursor=${middle.members}`),
  readKind('pending invites, first page', ({ id }) => `/v1/accounts/${id}/invites?status=pending`),
  readKind(
    'pending invites, deep page',
    ({ id, middle }) => `/v1/accounts/${id}/invites?status=pending&cursor=${middle.invites}`,
  ),
  {
    name: 'create invite',
    requests(bench, account, audience) {
      const callers = listCallers(bench, account, audience);
      const permissions = ['invoices:read', 'tickets:open'];
      let n = 0;
      const next = () => ({ ...nth(callers, n++), email: `${newId('inv')}@example.com` });
      return {
        service() {
          const { token, email } = next();
          return post(`/v1/accounts/${account.id}/invites`, { email, access: { permissions } }, token);
        },
        bare() {
          const { id, email } = next();
          const ids = { accountId: uuidOf('acc', account.id), userId: uuidOf('usr', id) };
          return post('/create', { ...ids, email, permissions });
        },
      };
    },
  },
  {
    name: 'accept invite',
    async requests(bench, account, audience) {
      const isSpread = audience === 'many' && account.size === 1_000;
      const accountIds = isSpread ? bench.manyAccounts.map((it) => it.id) : [account.id];
      const inviter = audience === 'one' ? account.members[0] : undefined;
      const seed = (count: number) =>
        bench.database.withoutTimeouts((db) =>
          seedInvitees(db, { accountIds, count, ...(inviter && { inviterId: inviter.id }) }),
        );
      const serviceRequests: Request[] = [];
      for (const invitee of await seed(bench.maxAccepts.service))
        serviceRequests.push(await toAcceptRequest(bench, invitee));
      const bareRequests = (await seed(bench.maxAccepts.bare)).map(toBareAcceptRequest);
      return { service: () => takeFrom(serviceRequests), bare: () => takeFrom(bareRequests) };
    },
  },
  {
    name: 'login',
    isOutsideAccounts: true,
    requests({ password }, { members }, audience) {
      const callers = audience === 'many' ? members : members.slice(0, 1);
      return callers.map(({ email }) => ({
        service: post('/v1/auth/login', { email, password }),
        bare: post('/login', { email, password }),
      }));
    },
  },
];

const inviteLifetime = 7 * 24 * 3_600_000;

async function toAcceptRequest(bench: Bench, { accountId, inviteId, userId, sessionId }: Invitee): Promise<Request> {
  const now = new Date();
  const expiresAt = new Date(now.getTime() + inviteLifetime);
  const token = await signInviteToken(bench.service, { accountId, inviteId, sending: 1 }, { now, expiresAt });
  return post('/v1/invites/accept', { token }, signAccessToken(bench, userId, sessionId));
}

const toBareAcceptRequest = ({ accountId, inviteId, userId }: Invitee): Request =>
  post('/accept', {
    accountId: uuidOf('acc', accountId),
    inviteId: uuidOf('inv', inviteId),
    userId: uuidOf('usr', userId),
  });

function takeFrom(requests: Request[]): Request {
  const request = requests.pop();
  if (!request) throw new Error('No invites are left to accept: set SECONDS or ROUNDS lower.');
  return request;
}
