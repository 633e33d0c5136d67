import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { noLink, refusal, standIn } from './parts.ts';

const body = html`<main class="small">
<h1>Report an invite</h1>
<section id="ask">
<p>You don’t know who sent you this invite? Whoever runs this service is told, and the account can’t invite you again. The sender is not told that it was reported.</p>
<p><button id="report">Report this invite</button></p>
</section>
<section id="done" hidden>
<p>Thank you: it is reported. <bdi id="account"></bdi> can’t invite <strong id="email"></strong> any more.</p>
</section>
${noLink}
${refusal}
${standIn('REPORT_URL')}
</main>`;

/** Opening it changes nothing: a mail scanner that follows links reports nobody. */
const script = `${client}
if (!token) show('no-link');

$('report').onclick = () => attempt(async () => {
  const { account, email } = await post('/v1/invites/report', { token });
  $('account').textContent = account.name;
  $('email').textContent = email;
  show('done');
});
`;

export const reportPage: Page = { title: 'Report an invite', body, script };
