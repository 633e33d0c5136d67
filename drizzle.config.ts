import { defineConfig } from 'drizzle-kit';

/** How `npm run migrations:generate -- --name=what-changes` turns a change of the tables into a migration. */
export default defineConfig({
  dialect: 'postgresql',
  schema: './src/database/schema.ts',
  out: './migrations',
});
