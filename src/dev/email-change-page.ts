import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { noLink, refusal, standIn } from './parts.ts';

const body = html`<main class="small">
<h1>Confirm your new e-mail address</h1>
<section id="ask">
<p>From then on you log in with the new address, and your other sessions are logged out.</p>
<p><button id="confirm">Confirm the address</button></p>
</section>
<section id="done" hidden>
<p>Your login has the address <strong id="email"></strong> now. Word of it went to the old one.</p>
</section>
${noLink}
${refusal}
${standIn('EMAIL_CHANGE_URL')}
</main>`;

/** Opening it changes nothing: a mail scanner that follows links moves no login. */
const script = `${client}
if (!token) show('no-link');

$('confirm').onclick = () => attempt(async () => {
  const { email } = await post('/v1/auth/email-change/confirm', { token });
  $('email').textContent = email;
  show('done');
});
`;

export const emailChangePage: Page = { title: 'Confirm your new e-mail address', body, script };
