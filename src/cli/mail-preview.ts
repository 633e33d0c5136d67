/**
 * Program: `npm run mail:preview -- [folder]` writes every mail in every language as HTML and text
 * files.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mailKinds } from '../mail/kinds.ts';
import { extremesOf, samplesOf } from '../mail/samples.ts';
import type { MailWriter } from '../mail/write.ts';
import { escapeHtml } from '../text/html.ts';
import { configOrFail } from './program.ts';

const folder = resolve(process.argv[2] ?? 'mail-preview');
const config = configOrFail();
if (config) {
  mkdirSync(folder, { recursive: true });
  const pages = writePages(config.mails);
  writeFileSync(join(folder, 'index.html'), toIndex(pages));
  process.stdout.write(`Wrote ${pages.length} mails. Open ${join(folder, 'index.html')}.\n`);
}

interface Page {
  locale: string;
  name: string;
  subject: string;
  bytes: number;
}

/** Writes the HTML part and the text part of each mail. */
function writePages({ locales, write }: MailWriter): Page[] {
  return locales.flatMap((locale) =>
    mailKinds.flatMap((kind) =>
      [...samplesOf(kind), ...extremesOf(kind)].map((values, i) => {
        const { subject, html, text } = write(kind, [locale], values);
        const name = `${locale}-${kind}-${i + 1}`;
        writeFileSync(join(folder, `${name}.html`), html);
        writeFileSync(join(folder, `${name}.txt`), `${text}\n`);
        return { locale, name, subject, bytes: Buffer.byteLength(html) };
      }),
    ),
  );
}

function toIndex(pages: Page[]): string {
  const rows = pages.map(
    ({ locale, name, subject, bytes }) =>
      `<tr><td>${locale}</td><td><a href="${name}.html">${name}</a> <a href="${name}.txt">text</a></td><td><bdi>${escapeHtml(subject)}</bdi></td><td>${bytes}</td></tr>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Mails</title>
<style>body { font: 16px/1.5 sans-serif; } td { padding: 2px 12px; }</style>
<table><tr><th>Language</th><th>Mail</th><th>Subject</th><th>Bytes of HTML</th></tr>
${rows.join('\n')}
</table>
</html>
`;
}
