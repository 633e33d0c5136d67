import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { missingLink, problemMessage, sampleNote } from './parts.ts';

const body = html`<main class="small">
<h1>No more invites</h1>
<section id="ask">
<p>The account that sent you this invite will not be able to invite you again, and this invite is declined if it is still pending. Other accounts can still invite you.</p>
<p><button id="opt-out">Don’t invite me again</button></p>
</section>
<section id="done" hidden>
<p><bdi id="account"></bdi> can no longer invite <strong id="email"></strong>.</p>
<p>If you change your mind, log in with this address and call <code>DELETE /v1/me/opt-outs/<span id="account-id"></span></code>.</p>
</section>
${missingLink}
${problemMessage}
${sampleNote('OPT_OUT_URL')}
</main>`;

/** Opening the page changes nothing, so mail scanners that follow links don't decline invites. */
const script = `${client}
if (!token) show('no-link');

$('opt-out').onclick = () => attempt(async () => {
  const { account, email } = await post('/v1/invites/opt-out', { token });
  $('account').textContent = account.name;
  $('account-id').textContent = account.id;
  $('email').textContent = email;
  show('done');
});
`;

export const optOutPage: Page = { title: 'No more invites', body, script };
