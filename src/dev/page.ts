import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { type Html, html } from './html.ts';

export interface Page {
  title: string;
  body: Html;
  /** JavaScript that runs after the body. Must be constant: never insert user input. */
  script?: string;
  /** Whether the page has mails in frames, which have their own styles. */
  framesMails?: boolean;
}

const style = `
  :root {
    color-scheme: light dark;
    --ground: light-dark(#f2f4f7, #12161c); --card: light-dark(#ffffff, #1b2129); --line: light-dark(#d3dae4, #37424f);
    --text: light-dark(#1b2430, #e8ebf0); --soft: light-dark(#55606f, #a9b3c0); --link: light-dark(#1f5fd6, #8fb4ff);
    --button: light-dark(#1f5fd6, #3471e6); --wrong: light-dark(#b3261e, #ff9c94);
  }
  * { box-sizing: border-box; }
  body { margin: 0; background: var(--ground); color: var(--text); overflow-wrap: anywhere;
    font: 16px/1.5 -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; }
  main { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
  main.small { max-width: 34rem; }
  h1 { margin: 0 0 .5rem; font-size: 1.5rem; line-height: 1.3; }
  p { margin: 0 0 1rem; }
  .inner > :last-child { margin-bottom: 0; }
  a { color: var(--link); }
  code { font-size: .9em; }
  .soft { color: var(--soft); font-size: .9rem; }
  .wrong { color: var(--wrong); font-weight: 600; white-space: pre-line; }
  .wrong:empty { display: none; }
  .card { margin: 0 0 .75rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
  .card > summary, .inner { padding: .9rem 1.1rem; }
  .card > summary + .inner { padding-top: 0; }
  summary { cursor: pointer; }
  .card > summary:hover { color: var(--link); }
  .subject { font-weight: 600; }
  summary .about { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1rem; }
  iframe { display: block; width: 100%; height: 36rem; margin: 0 0 .75rem; resize: vertical; border: 1px solid var(--line); border-radius: 6px; }
  pre { margin: .5rem 0 0; white-space: pre-wrap; font-size: .85rem; }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .4rem 1rem; margin: 0 0 1rem; }
  dt { color: var(--soft); }
  dd { margin: 0; white-space: pre-line; }
  label { display: block; margin: 0 0 .9rem; font-weight: 600; }
  input { display: block; width: 100%; margin-top: .25rem; padding: .6rem .7rem; font: inherit; font-weight: 400;
    color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 6px; }
  label:has(+ .secret) { margin: 0; }
  .secret { display: flex; gap: .5rem; margin: .25rem 0 .9rem; }
  .secret input { flex: 1; min-width: 0; margin: 0; }
  button { padding: .65rem 1.3rem; font: inherit; font-weight: 600; color: #ffffff; background: var(--button);
    border: 1px solid var(--button); border-radius: 8px; cursor: pointer; }
  button.second { color: var(--link); background: transparent; border-color: var(--line); }
  button:disabled { opacity: .6; cursor: default; }
  :focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
  @media (max-width: 30rem) { dl { display: block; } dd { margin: 0 0 .6rem; } .small button:not(.show) { width: 100%; } }
`;

/**
 * Sends a page with the strictest content security policy that it works with: only its own style
 * and script, by hash, calls to this service, and inline images. Mails in frames inherit the
 * policy, so they need `unsafe-inline` styles.
 */
export function sendPage(reply: FastifyReply, { title, body, script, framesMails = false }: Page): FastifyReply {
  const policy = [
    "default-src 'none'",
    `style-src ${framesMails ? "'unsafe-inline'" : toHashSource(style)}`,
    ...(script === undefined ? [] : [`script-src ${toHashSource(script)}`, "connect-src 'self'"]),
    'img-src data:',
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Usher</title>
<link rel="icon" href="data:,">
<style>${{ markup: style }}</style>
</head>
<body>
${body}${script === undefined ? [] : { markup: `<script>${script}</script>` }}
</body>
</html>
`;
  return reply.header('content-security-policy', policy).type('text/html; charset=utf-8').send(page.markup);
}

const toHashSource = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
