import type { Config } from '../config/config.ts';

/** The route to which mail clients post an opt-out (RFC 8058). */
export const oneClickPath = '/v1/invites/opt-out/one-click';

/**
 * The URI of the `List-Unsubscribe` header of an invite's mail. Mail clients post to it without a
 * browser (RFC 8058, 3.1), so it is a route of this service and has the token in the query, not in
 * the fragment.
 */
export const oneClickUrl = ({ issuer }: Pick<Config, 'issuer'>, token: string): string =>
  `${issuer}${oneClickPath}?token=${token}`;

/**
 * The opt-out link in an invite's mail. It always leads to the configured page, whatever the token
 * contains.
 */
export const optOutLink = ({ optOutUrl }: Pick<Config, 'optOutUrl'>, token: string): string =>
  optOutUrl.replace('{token}', encodeURIComponent(token));
