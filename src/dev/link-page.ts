import { invitePage } from './invite-page.ts';
import type { Page } from './page.ts';
import { verifyPage } from './verify-page.ts';

/**
 * The page behind a link in a mail, in development: it stands in for a page of the operator's own frontend, and shows how one
 * is made. The token is read in the browser, from the fragment, and never reaches this page's request.
 */
export function linkPage(kind: 'invite' | 'verify-email'): Page {
  return kind === 'invite' ? invitePage : verifyPage;
}
