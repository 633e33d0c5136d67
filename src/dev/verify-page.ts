import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { missingLink, newPassword, passwordField, problemMessage, sampleNote } from './parts.ts';

const body = html`<main class="small">
<h1>Verify your e-mail address</h1>
<section id="choose">
<form>
<label>Your name <input name="name" autocomplete="name" maxlength="100" required></label>
${passwordField({ id: 'new-password', label: newPassword, kind: 'new' })}
<p><button>Verify</button></p>
</form>
</section>
<section id="done" hidden>
<p><strong id="me"></strong> is verified, and you are logged in as <bdi id="name"></bdi>.</p>
<p>Next: log in with <code>POST /v1/auth/login</code> in <a href="/docs">the docs</a>, enter the access token under Authorize, and create an account with <code>POST /v1/accounts</code>.</p>
</section>
${missingLink}
${problemMessage}
${sampleNote('VERIFY_URL')}
</main>`;

/** Opening the page changes nothing, so mail scanners that follow links don't verify addresses. */
const script = `${client}
if (!token) show('no-link');

onSubmit('choose', async ({ name, password }) => {
  const { user } = await post('/v1/auth/verify-email', { token, name, password });
  // A frontend would keep the session (accessToken, refreshToken) and continue from here.
  $('me').textContent = user.email;
  $('name').textContent = user.name;
  show('done');
});
`;

export const verifyPage: Page = { title: 'Verify your e-mail address', body, script };
