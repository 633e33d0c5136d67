import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { noLink, passwordField, refusal, standIn } from './parts.ts';
import { requestReset, resetRequested } from './reset-request.ts';

const body = html`<main class="small">
<h1>Verify your e-mail address</h1>
<section id="ask">
<form>
<p>Give the password that you registered with, to show that it was you: without it, you may have to choose a new one.</p>
${passwordField({ id: 'password', label: 'Password (optional)', kind: 'current', isOptional: true })}
<p><button>Verify</button></p>
</form>
</section>
<section id="done" hidden>
<p><strong class="email"></strong> is verified, and you can log in.</p>
<p>Next: log in with <code>POST /v1/auth/login</code> in <a href="/docs">the docs</a>, put the access token into Authorize, and make an account with <code>POST /v1/accounts</code>.</p>
</section>
<section id="no-password" hidden>
<p><strong class="email"></strong> is verified. It has no password yet, since the one given at registering may be someone else’s: choose one by a link that we mail to you.</p>
<p><button id="reset">Send the link</button></p>
</section>
${resetRequested}
${noLink}
${refusal}
${standIn('VERIFY_URL')}
</main>`;

/** Opening it changes nothing: a mail scanner that follows links verifies no address. */
const script = `${client}${requestReset}
if (!token) show('no-link');

onSubmit('ask', async ({ password }) => {
  const { user } = await post('/v1/auth/verify-email', { token, ...(password && { password }) });
  for (const it of document.querySelectorAll('.email')) it.textContent = user.email;
  $('reset').onclick = () => attempt(() => requestReset(user.email));
  show(user.hasPassword ? 'done' : 'no-password');
});
`;

export const verifyPage: Page = { title: 'Verify your e-mail address', body, script };
