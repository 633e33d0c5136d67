import type { Config } from '../config/config.ts';

/** Where a mail client asks for no more invites in its user's place. */
export const oneClickPath = '/v1/invites/opt-out/one-click';

/**
 * The URI of `List-Unsubscribe` in an invite's mail. It leads to this service itself, and not to a page: a mail client posts to it
 * alone, without a browser (RFC 8058, 3.1). It has no fragment to send, so the token stands in the query.
 */
export const oneClickUrl = ({ issuer }: Pick<Config, 'issuer'>, token: string): string =>
  `${issuer}${oneClickPath}?token=${token}`;

/** The link in an invite's mail against further invites: to a page of the operator's, whatever the token is. */
export const optOutLink = ({ optOutUrl }: Pick<Config, 'optOutUrl'>, token: string): string =>
  optOutUrl.replace('{token}', encodeURIComponent(token));
