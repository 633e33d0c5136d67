/** Exits with 0 if PostgreSQL answers at a URL: `node scripts/can-connect.mjs postgres://…`. */
import pg from 'pg';

const client = new pg.Client({ connectionString: process.argv[2], connectionTimeoutMillis: 3_000 });
await client.connect();
await client.query('select 1');
await client.end();
