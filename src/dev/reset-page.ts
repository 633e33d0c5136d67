import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { newPassword, passwordField, problemMessage, sampleNote } from './parts.ts';

const body = html`<main class="small">
<h1>Choose a new password</h1>
<section id="choose">
<form>
${passwordField({ id: 'new-password', label: newPassword, kind: 'new' })}
<p>Your other sessions are logged out.</p>
<p><button>Set the password</button></p>
</form>
</section>
<section id="done" hidden>
<p>The new password of <strong id="me"></strong> is set, and your other sessions are logged out.</p>
<p>Next: log in with <code>POST /v1/auth/login</code> in <a href="/docs">the docs</a>.</p>
</section>
${problemMessage}
<section id="ask" hidden>
<p>We will send you a link to choose a new password.</p>
<form>
<label>E-mail address <input name="email" type="email" autocomplete="username" required></label>
<p><button>Send the link</button></p>
</form>
</section>
<section id="requested" hidden>
<p>If <strong id="address"></strong> has a login, a mail with a link to choose a new password is on its way.</p>
<p>In development, mails are in the <a id="mails" href="/dev/mailbox">mailbox</a>.</p>
</section>
${sampleNote('RESET_URL')}
</main>`;

/** Opening the page changes nothing. Without a valid link it offers to send one. */
const script = `${client}
// The page is the same for every address, with or without a login.
async function requestReset(email) {
  await post('/v1/auth/password-reset', { email });
  $('address').textContent = email;
  $('mails').href = '/dev/mailbox?to=' + encodeURIComponent(email);
  show('requested');
}

if (!token) show('ask');

onSubmit('choose', async ({ password }) => {
  try {
    const session = await post('/v1/auth/password-reset/confirm', { token, password });
    // A frontend would keep the session (accessToken, refreshToken) and continue from here.
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
