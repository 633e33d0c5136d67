/** A program of its own: writes the OpenAPI document into the file named by its argument, or to standard output. */
import { writeFileSync } from 'node:fs';
import { openApiDocument } from './openapi-document.ts';

const document = `${JSON.stringify(await openApiDocument(), null, 2)}\n`;
const [file] = process.argv.slice(2);
if (file === undefined) process.stdout.write(document);
else writeFileSync(file, document);
