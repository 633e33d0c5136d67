import { timeInWords } from '../mail/locale.ts';
import { type Html, html } from './html.ts';
import type { Page } from './page.ts';

export interface MailboxItem {
  id: string;
  to: string;
  subject: string;
  text: string;
  html: string;
  sentAt: Date;
}

/**
 * The newest mails, or those to one address. Each is in a sandboxed frame that may only open links
 * in a new tab.
 */
export function mailboxPage(items: MailboxItem[], to: string | undefined): Page {
  const body = html`<main>
<h1>Mailbox</h1>
<p>${to === undefined ? 'Mails that Usher would have sent' : html`Mails to <strong>${to}</strong>`}, newest first.
<span class="soft"><a href="${linkTo(to)}">Refresh</a>${to === undefined ? '' : html` · <a href="${linkTo()}">All mails</a>`}</span></p>
${items.length === 0 ? emptyMailbox(to) : items.map((item, index) => mailCard(item, index === 0))}
</main>`;
  return { title: 'Mailbox', body, framesMails: true };
}

const linkTo = (to?: string) => `/dev/mailbox${to === undefined ? '' : `?to=${encodeURIComponent(to)}`}`;

function emptyMailbox(to: string | undefined): Html {
  const message = to === undefined ? 'No mail yet.' : 'No mail to this address yet.';
  return html`<div class="card"><div class="inner">
<p><strong>${message}</strong></p>
<p>Run <code>npm run demo</code> in a second shell, or register and create an invite in <a href="/docs">the docs</a>. Then refresh this page.</p>
</div></div>`;
}

function mailCard({ to, subject, text, html: content, sentAt }: MailboxItem, isOpen: boolean): Html {
  return html`<details class="card"${isOpen ? { markup: ' open' } : ''}>
<summary><bdi class="subject">${subject}</bdi>
<span class="soft about"><span>to ${to}</span> <time datetime="${sentAt.toISOString()}">${timeInWords(sentAt)}</time></span></summary>
<div class="inner">
<iframe title="${subject}" sandbox="allow-popups allow-popups-to-escape-sandbox" loading="lazy" srcdoc="${withNewTabLinks(content)}"></iframe>
<p class="soft"><a href="${linkTo(to)}">Only mails to ${to}</a></p>
<details><summary class="soft">Text part</summary><pre dir="auto">${text}</pre></details>
</div>
</details>
`;
}

/** Makes the links of a mail open in a new tab. */
function withNewTabLinks(content: string): string {
  return content.replace('<head>', '<head><base target="_blank">');
}
