/**
 * The minimum cost of each request: `node:http`, `pg` and one prepared statement, without
 * authentication, permissions or validation. `GET /<audience>/<n>` runs the statement in the file
 * given as the argument, with the n-th values of that audience. The POSTs write their body.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { verify } from '@node-rs/argon2';
import pg from 'pg';
import type { BareRead } from './statements.ts';

const read = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as BareRead;
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.DATABASE_POOL_SIZE),
  // The same setting as in the service: without it, Postgres would plan some statements at each
  // execution.
  options: '-c plan_cache_mode=force_generic_plan',
});

async function list(audience: string, n: number) {
  const values = read.values[audience as keyof BareRead['values']];
  const { rows } = await pool.query({ name: 'read', text: read.text, values: values[n % values.length] ?? [] });
  return { items: rows };
}

type Body = Record<string, string>;

const writes: Record<string, (body: Body) => Promise<object>> = {
  /** Inserts the invite, its outbox message and its first delivery event. */
  async create({ accountId, userId, email, permissions }) {
    const { rows } = await pool.query({
      name: 'create',
      text: `
        with invite as (
          insert into invites (account_id, id, email, all_permissions, permissions, status, invited_by, created_at, lifetime_days, expires_at, sendings, delivery_at)
          values ($1, $2, $3, false, $4, 'pending', $5, now(), 7, now() + interval '7 days', 1, now()) returning account_id, id, created_at, expires_at),
        mail as (
          insert into outbox (id, kind, account_id, invite_id, sending, status, attempts, due_at, created_at)
          select $6, 'invite', account_id, id, 1, 'queued', 0, created_at, created_at from invite),
        event as (
          insert into delivery_events (account_id, invite_id, delivery_id, source, id, sending, mail, event, occurred_at)
          select account_id, id, $6, 'usher queued', $7, 1, 'invite', 'queued', created_at from invite)
        select id, created_at, expires_at from invite`,
      values: [accountId, randomUUID(), email, permissions, userId, randomUUID(), randomUUID()],
    });
    return { ...rows[0], email, permissions };
  },
  /** Marks the invite as accepted, and inserts the membership. */
  async accept({ accountId, inviteId, userId }) {
    const { rows } = await pool.query({
      name: 'accept',
      text: `
        with invite as (
          update invites set status = 'accepted', decided_at = now()
          where account_id = $1 and id = $2 and status = 'pending' returning account_id, all_permissions, permissions, invited_by)
        insert into memberships (account_id, user_id, id, all_permissions, permissions, invited_by, created_at)
        select account_id, $3, $4, all_permissions, permissions, invited_by, now() from invite returning id, created_at`,
      values: [accountId, inviteId, userId, randomUUID()],
    });
    return rows[0];
  },
  /** Compares the same password hash, and inserts a session and its refresh token. */
  async login({ email, password = '' }) {
    const result = await pool.query({
      name: 'find',
      text: 'select id, email, name, password_hash from users where email = $1',
      values: [email],
    });
    const user = result.rows[0];
    if (!(await verify(user.password_hash, password))) throw new Error('wrong password');
    const token = randomBytes(32).toString('base64url');
    await pool.query({
      name: 'open',
      text: `
        with session as (
          insert into sessions (id, user_id, created_at, expires_at) values ($1, $2, now(), now() + interval '7 days') returning id)
        insert into refresh_tokens (hash, session_id, created_at) select $3, id, now() from session`,
      values: [randomUUID(), user.id, token],
    });
    return { token, user: { id: user.id, email: user.email, name: user.name } };
  },
};

async function readBody(request: http.IncomingMessage): Promise<Body> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

const server = http.createServer(async (request, response) => {
  const [, name = '', n] = (request.url ?? '').split('/');
  const write = writes[name];
  const answer = await (write ? write(await readBody(request)) : list(name, Number(n)));
  const body = JSON.stringify(answer);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
