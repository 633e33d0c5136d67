/**
 * An error's code, if it is safe to show: only capital letters, so it can't contain an address or
 * key.
 */
export const errorCode = (code: unknown): string =>
  typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : 'no reason given';
