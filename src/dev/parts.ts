import { passwordLength } from '../users/schemas.ts';
import { type Html, html } from './html.ts';

const { min, max } = passwordLength;

/** What a field for a new password is called. */
export const newPassword = `New password, at least ${min} characters`;

interface PasswordField {
  id: string;
  label: string;
  kind: 'new' | 'current';
}

/**
 * A field for a password, hidden until its button shows it (OWASP ASVS 5.0, 6.2.6). It may be pasted into, and a password
 * manager is told what belongs there (6.2.7).
 */
export function passwordField({ id, label, kind }: PasswordField): Html {
  const shortest = kind === 'new' ? html` minlength="${String(min)}"` : [];
  return html`<label for="${id}">${label}</label>
<p class="secret"><input id="${id}" name="password" type="password" autocomplete="${kind}-password"${shortest} maxlength="${String(max)}" required>
<button type="button" class="second show" aria-label="Show the password">Show</button></p>`;
}

/** Where a refusal is put into words. */
export const refusal = html`<p id="problem" class="wrong" role="alert"></p>`;

/** What a page says that was opened without its link. */
export const noLink = html`<section id="no-link" hidden>
<p>This page needs the link from a mail. Look into the <a href="/dev/mailbox">mailbox</a>.</p>
</section>`;

/** The end of each page behind a link. */
export const standIn = (setting: string): Html =>
  html`<p class="soft">This page stands in for a page of your own frontend, and its source is a sample of one. <code>${setting}</code> says where yours is.</p>`;
