import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { missingLink, problemMessage, sampleNote } from './parts.ts';

const body = html`<main class="small">
<h1>Confirm your new e-mail address</h1>
<section id="ask">
<p>After this you log in with the new address, and your other sessions are logged out.</p>
<p><button id="confirm">Confirm the address</button></p>
</section>
<section id="done" hidden>
<p>You now log in with <strong id="email"></strong>. A notice was sent to your old address.</p>
</section>
${missingLink}
${problemMessage}
${sampleNote('EMAIL_CHANGE_URL')}
</main>`;

/**
 * Opening the page changes nothing, so mail scanners that follow links don't confirm the address.
 */
const script = `${client}
if (!token) show('no-link');

$('confirm').onclick = () => attempt(async () => {
  const { email } = await post('/v1/auth/email-change/confirm', { token });
  $('email').textContent = email;
  show('done');
});
`;

export const emailChangePage: Page = { title: 'Confirm your new e-mail address', body, script };
