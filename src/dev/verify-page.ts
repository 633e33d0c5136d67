import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';

const body = html`<main class="small">
<h1>Verify your e-mail address</h1>
<section id="ask">
<p>One click, and you can log in.</p>
<p><button id="verify">Verify</button></p>
</section>
<section id="done" hidden>
<p><strong id="email"></strong> is verified, and you can log in.</p>
<p>Next: log in with <code>POST /v1/auth/login</code> in <a href="/docs">the docs</a>, put the access token into Authorize, and make an account with <code>POST /v1/accounts</code>.</p>
</section>
<section id="no-link" hidden>
<p>This page needs the link from a mail. Look into the <a href="/dev/mailbox">mailbox</a>.</p>
</section>
<p id="problem" class="wrong" role="alert"></p>
<p class="soft">This page stands in for a page of your own frontend, and its source is a sample of one. <code>VERIFY_URL</code> says where yours is.</p>
</main>`;

/** Opening it changes nothing: a mail scanner that follows links verifies no address. */
const script = `${client}
if (!token) show('no-link');

$('verify').onclick = () => attempt(async () => {
  const session = await post('/v1/auth/verify-email', { token });
  $('email').textContent = session.user.email;
  show('done');
});
`;

export const verifyPage: Page = { title: 'Verify your e-mail address', body, script };
