/**
 * The form in which passwords are compared, counted and hashed: NFKC, as NIST SP 800-63B
 * recommends, so that a password typed on another keyboard (composed or not, full-width or not) is
 * the same.
 */
export const passwordForm = (password: string): string => password.normalize('NFKC');
