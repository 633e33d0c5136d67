/**
 * Writes the tables of settings and limits into the docs, from the built service:
 * `npm run docs:tables`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { limitsTable, settingsTable } from '../dist/cli/docs-tables.js';

const tables = { 'docs/settings.md': ['settings', settingsTable()], 'docs/security.md': ['limits', limitsTable()] };

for (const [file, [name, table]] of Object.entries(tables)) {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const text = readFileSync(file, 'utf8');
  const before = text.slice(0, text.indexOf(start) + start.length);
  writeFileSync(file, `${before}\n\n${table}\n${text.slice(text.indexOf(end))}`);
}
