/** The code of an error as a reason may quote it: a word in capitals, and never a text that could hold a value. */
export const codeWord = (code: unknown): string =>
  typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : 'no reason given';
