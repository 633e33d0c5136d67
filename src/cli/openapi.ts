/**
 * Program: writes the OpenAPI document to the file given as its argument, or to standard output.
 */
import { writeFileSync } from 'node:fs';
import { openApiDocument } from './openapi-document.ts';

const json = JSON.stringify(await openApiDocument(), null, 2);
/** Patterns contain invisible characters: escape them. */
const document = `${json.replaceAll(/[^\n\P{C}]|[^ \P{Z}]|\p{Default_Ignorable_Code_Point}|\u2800|\ufffc/gu, toEscapes)}\n`;

function toEscapes(character: string): string {
  const units = Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
  return units.map((it) => `\\u${it.toString(16).padStart(4, '0')}`).join('');
}

const [file] = process.argv.slice(2);
if (file === undefined) process.stdout.write(document);
else writeFileSync(file, document);
