import { defineConfig } from 'drizzle-kit';

/** For `npm run migrations:generate`, which writes a migration from a change of the tables. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './src/database/schema.ts',
  out: './migrations',
});
