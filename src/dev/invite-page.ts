import { client } from './client.ts';
import { html } from './html.ts';
import type { Page } from './page.ts';
import { newPassword, passwordField, problemMessage, sampleNote } from './parts.ts';

const body = html`<main class="small">
<section id="opening"><h1>Your invite</h1></section>
<section id="offer" hidden>
<h1><bdi id="inviter"></bdi> invites you to <bdi id="account"></bdi></h1>
<dl>
<dt>For</dt><dd id="email"></dd>
<dt>Access</dt><dd id="access"></dd>
<dt>Until</dt><dd id="until"></dd>
<dt class="message">Message</dt><dd class="message" id="message" dir="auto"></dd>
</dl>
<div id="ways">
<details class="card" id="log-in" name="way"><summary class="subject">Log in</summary>
<form class="inner">
<label>E-mail address <input name="email" type="email" autocomplete="username" required></label>
${passwordField({ id: 'password', label: 'Password', kind: 'current' })}
<button>Log in and accept</button>
</form></details>
<details class="card" id="register" name="way"><summary class="subject">Register</summary>
<form class="inner">
<label>Your name <input name="name" autocomplete="name" maxlength="100" required></label>
${passwordField({ id: 'new-password', label: newPassword, kind: 'new' })}
<button>Register and accept</button>
</form></details>
</div>
<p><button id="decline" class="second">Decline</button></p>
</section>
<section id="accepted" hidden>
<h1>You are a member of <bdi id="joined"></bdi></h1>
<p>You are logged in as <strong id="me"></strong>. Your access: <span id="granted"></span>.</p>
<p>Next: log in with <code>POST /v1/auth/login</code> in <a href="/docs">the docs</a>, enter the access token under Authorize, and call <code>GET /v1/me/accounts</code>.</p>
</section>
<section id="declined" hidden>
<h1>Invite declined</h1>
<p>You are not a member of <bdi id="refused"></bdi>, and the link no longer works. If you change your mind, ask for a new invite.</p>
</section>
<section id="no-link" hidden>
<h1>No invite</h1>
<p>Open this page with the Accept Invite link from a mail in the <a href="/dev/mailbox">mailbox</a>.</p>
</section>
${problemMessage}
${sampleNote('ACCEPT_URL')}
</main>`;

const script = `${client}
const formatAccess = ({ ownership, access, permissions }) => {
  if (ownership) return 'ownership of the account';
  if (access.allPermissions) return 'all permissions';
  return permissions.map((it) => it.title).join(', ') || 'no permissions yet';
};

let granted;

// The preview changes nothing.
async function preview() {
  const offer = await post('/v1/invites/preview', { token });
  $('inviter').textContent = offer.invitedBy.name;
  $('account').textContent = offer.account.name;
  $('email').textContent = offer.email;
  granted = formatAccess(offer);
  $('access').textContent = granted;
  $('until').textContent = new Date(offer.expiresAt).toLocaleString('en-GB', { dateStyle: 'full', timeStyle: 'short' });
  $('message').textContent = offer.message;
  for (const it of document.querySelectorAll('.message')) it.hidden = !offer.message;
  const lead = $(offer.hasLogin ? 'log-in' : 'register');
  lead.open = true;
  $('ways').prepend(lead);
  if (offer.hasLogin) $('log-in').querySelector('input').value = offer.email;
  show('offer');
}

async function accept(way) {
  const { account, session } = await post('/v1/invites/accept', { token, ...way });
  // A frontend would keep the session (accessToken, refreshToken) and open the account.
  $('joined').textContent = account.name;
  $('granted').textContent = granted;
  $('me').textContent = session.user.email;
  show('accepted');
}

async function decline() {
  const { account } = await post('/v1/invites/decline', { token });
  $('refused').textContent = account.name;
  show('declined');
}

onSubmit('log-in', ({ email, password }) => accept({ login: { email, password } }));
onSubmit('register', ({ name, password }) => accept({ register: { name, password } }));
$('decline').onclick = () => attempt(decline);

if (token) attempt(preview);
else show('no-link');
`;

export const invitePage: Page = { title: 'Your invite', body, script };
