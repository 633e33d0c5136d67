/**
 * The least that a check could cost: `node:http` and `pg`, and the very statement of the service, prepared. `GET /<n>` answers the
 * n-th question of the file that it is started with.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import pg from 'pg';

const { text, values } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });

const server = http.createServer(async ({ url }, response) => {
  const { rows } = await pool.query({ name: 'bare', text, values: values[Number(url.slice(1))] });
  const body = JSON.stringify({ allowed: Object.values(rows[0])[1][0].isAllowed });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
