import type { Problem } from '../support/answers.ts';

/** What is worth reading of a problem document. */
export const refusal = ({ code, title, detail, permission }: Problem) => ({
  code,
  title,
  ...(detail === undefined ? {} : { detail }),
  ...(permission === undefined ? {} : { permission }),
});
