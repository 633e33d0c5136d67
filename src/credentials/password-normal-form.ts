/**
 * Normalises a password to NFKC, as NIST SP 800-63B recommends, so that it is the same from every
 * keyboard (composed or decomposed, full-width or not). Passwords are compared, hashed and their
 * length is counted in this form.
 */
export const normalisePassword = (password: string): string => password.normalize('NFKC');
