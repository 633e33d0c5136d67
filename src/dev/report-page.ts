import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { missingLink, problemMessage, sampleNote } from './parts.ts';

const body = html`<main class="small">
<h1>Report an invite</h1>
<section id="ask">
<p>If you don’t know the sender of this invite, report it to the operator of this service. The account will not be able to invite you again. The sender is not notified.</p>
<p><button id="report">Report this invite</button></p>
</section>
<section id="done" hidden>
<p>Thank you for your report. <bdi id="account"></bdi> can no longer invite <strong id="email"></strong>.</p>
</section>
${missingLink}
${problemMessage}
${sampleNote('REPORT_URL')}
</main>`;

/** Opening the page changes nothing, so mail scanners that follow links don't report invites. */
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
