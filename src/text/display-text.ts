import { displayNamePattern, spaces, zeroWidth } from './characters.ts';

const edge = new RegExp(`[\\t${spaces}${zeroWidth}]`);

/** Text without the spaces and zero-width characters around it, which keyboards and copying add. */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  // A regular expression that is anchored at the end takes quadratic time.
  while (start < end && edge.test(text[start] as string)) start += 1;
  while (end > start && edge.test(text[end - 1] as string)) end -= 1;
  return text.slice(start, end);
}

const pattern = new RegExp(displayNamePattern, 'u');
/** A visible character. The last few render as nothing, but no Unicode property says so. */
const visible = /[^\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800\ufffc\u{1d159}\u{13441}\u{13442}]/u;

/**
 * The name of a person, an account, a role or a key as it is stored, trimmed; undefined where the
 * text is not a name.
 */
export function displayName(text: string): string | undefined {
  const name = trimmed(text);
  return pattern.test(name) && visible.test(name) ? name : undefined;
}
