/**
 * The headers that make a mail client show an unsubscribe button (RFC 2369, RFC 8058). Clients
 * require an https URI and a DKIM signature over both headers.
 */
export const unsubscribeHeaders = (uri: string) => ({
  'List-Unsubscribe': `<${uri}>`,
  'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
});
