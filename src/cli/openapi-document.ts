import { buildApp } from '../app.ts';
import { readConfig } from '../config/config.ts';
import { openDatabase } from '../database/database.ts';
import { generateSigningKeys, parseSigningKeys } from '../tokens/keys.ts';

/**
 * The OpenAPI document, generated from the routes. Needs no database: the pool connects only when
 * used.
 */
export async function openApiDocument() {
  const read = readConfig({ LOG_LEVEL: 'silent' });
  if ('mistakes' in read) throw new Error(read.mistakes.join('; '));
  const database = await openDatabase({ kind: 'postgres', url: 'postgres://nobody@localhost/nothing' });
  const keys = parseSigningKeys(await generateSigningKeys());
  const { app } = await buildApp({ config: read.config, db: database.db, keys });
  const document = app.swagger();
  await app.close();
  await database.close();
  return document;
}
