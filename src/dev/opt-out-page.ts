import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { noLink, refusal, standIn } from './parts.ts';

const body = html`<main class="small">
<h1>No more invites</h1>
<section id="ask">
<p>The account that sent you this invite can’t invite you again, and the invite is declined if it still waits for you. Other accounts still can.</p>
<p><button id="opt-out">Don’t invite me again</button></p>
</section>
<section id="done" hidden>
<p><bdi id="account"></bdi> can’t invite <strong id="email"></strong> any more.</p>
<p>If you change your mind, log in with this address and take it back: <code>DELETE /v1/me/opt-outs/<span id="account-id"></span></code>.</p>
</section>
${noLink}
${refusal}
${standIn('OPT_OUT_URL')}
</main>`;

/** Opening it changes nothing: a mail scanner that follows links declines no invite. */
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
