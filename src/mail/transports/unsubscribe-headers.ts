/**
 * The headers by which a mail client offers its user a button (RFC 2369, RFC 8058). Clients use it where the URI is https, and
 * where both headers are signed (DKIM).
 */
export const unsubscribeHeaders = (uri: string) => ({
  'List-Unsubscribe': `<${uri}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
});
