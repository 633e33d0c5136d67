import { html } from './html.ts';

/** What a page says once a link to choose a new password was asked for: the same for every address. */
export const resetRequested = html`<section id="requested" hidden>
<p>Look into your mail: if <strong id="address"></strong> has a login, a link to choose a new password is on its way to it.</p>
<p>Here, mails stay in the <a id="mails" href="/dev/mailbox">mailbox</a>.</p>
</section>`;

export const requestReset = `
async function requestReset(email) {
  await post('/v1/auth/password-reset', { email });
  $('address').textContent = email;
  $('mails').href = '/dev/mailbox?to=' + encodeURIComponent(email);
  show('requested');
}
`;
