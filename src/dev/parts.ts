import { passwordLength } from '../users/schemas.ts';
import { type Html, html } from './html.ts';

const { min, max } = passwordLength;

/** The label of a field for a new password. */
export const newPassword = `New password, at least ${min} characters`;

interface PasswordField {
  id: string;
  label: string;
  kind: 'new' | 'current';
}

/**
 * A password field with a button that shows the password (OWASP ASVS 5.0, 6.2.6). It allows
 * pasting, and has `autocomplete` for password managers (6.2.7).
 */
export function passwordField({ id, label, kind }: PasswordField): Html {
  const minLength = kind === 'new' ? html` minlength="${String(min)}"` : [];
  return html`<label for="${id}">${label}</label>
<p class="secret"><input id="${id}" name="password" type="password" autocomplete="${kind}-password"${minLength} maxlength="${String(max)}" required>
<button type="button" class="second show" aria-label="Show the password">Show</button></p>`;
}

/** Shows the problem if a call fails. */
export const problemMessage = html`<p id="problem" class="wrong" role="alert"></p>`;

/** Shown if a page is opened without its link. */
export const missingLink = html`<section id="no-link" hidden>
<p>Open this page with the link from a mail in the <a href="/dev/mailbox">mailbox</a>.</p>
</section>`;

/** The footer of each link page. */
export const sampleNote = (setting: string): Html =>
  html`<p class="soft">This page is a sample for development. Replace it with a page of your frontend, and set <code>${setting}</code> to its URL.</p>`;
