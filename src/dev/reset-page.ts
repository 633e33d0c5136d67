import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { newPassword, passwordField, refusal, standIn } from './parts.ts';
import { requestReset, resetRequested } from './reset-request.ts';

const body = html`<main class="small">
<h1>Choose a new password</h1>
<section id="choose">
<form>
${passwordField({ id: 'new-password', label: newPassword, kind: 'new' })}
<p>When you set it, you are logged out everywhere else.</p>
<p><button>Set the password</button></p>
</form>
</section>
<section id="done" hidden>
<p>The password of <strong id="me"></strong> is set, and you are logged out everywhere else.</p>
<p>Next: log in with <code>POST /v1/auth/login</code> in <a href="/docs">the docs</a>.</p>
</section>
${refusal}
<section id="ask" hidden>
<p>We mail you a link with which you choose it.</p>
<form>
<label>E-mail address <input name="email" type="email" autocomplete="username" required></label>
<p><button>Send the link</button></p>
</form>
</section>
${resetRequested}
${standIn('RESET_URL')}
</main>`;

/** Without a link, or with one that is dead, this is where to ask for one. Opening it changes nothing. */
const script = `${client}${requestReset}
if (!token) show('ask');

onSubmit('choose', async ({ password }) => {
  try {
    const session = await post('/v1/auth/password-reset/confirm', { token, password });
    // A frontend keeps the session (accessToken, refreshToken) and goes on from here.
    $('me').textContent = session.user.email;
    show('done');
  } catch (problem) {
    if (problem.code === 'password-reset-token-invalid') show('ask');
    throw problem;
  }
});

onSubmit('ask', ({ email }) => requestReset(email));
`;

export const resetPage: Page = { title: 'Choose a new password', body, script };
