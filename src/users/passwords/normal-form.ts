/**
 * The form in which passwords are compared, counted and hashed: NFKC, as NIST SP 800-63B asks, so that
 * the same keys on another keyboard (composed or not, full-width or not) are the same password.
 */
export const passwordForm = (password: string): string => password.normalize('NFKC');
