import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { newPassword, noLink, passwordField, refusal, standIn } from './parts.ts';

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
<p>Next: log in with <code>POST /v1/auth/login</code> in <a href="/docs">the docs</a>, put the access token into Authorize, and make an account with <code>POST /v1/accounts</code>.</p>
</section>
${noLink}
${refusal}
${standIn('VERIFY_URL')}
</main>`;

/** Opening it changes nothing: a mail scanner that follows links verifies no address. */
const script = `${client}
if (!token) show('no-link');

onSubmit('choose', async ({ name, password }) => {
  const { user } = await post('/v1/auth/verify-email', { token, name, password });
  // A frontend keeps the session (accessToken, refreshToken) and goes on from here.
  $('me').textContent = user.email;
  $('name').textContent = user.name;
  show('done');
});
`;

export const verifyPage: Page = { title: 'Verify your e-mail address', body, script };
