import { displayNamePattern, spaces, zeroWidth } from './characters.ts';

const edge = new RegExp(`[\\t${spaces}${zeroWidth}]`);

/** Removes spaces and zero-width characters around a text, which keyboards and copying add. */
export function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  // A regular expression anchored at the end would take quadratic time.
  while (start < end && edge.test(text[start] as string)) start += 1;
  while (end > start && edge.test(text[end - 1] as string)) end -= 1;
  return text.slice(start, end);
}

const pattern = new RegExp(displayNamePattern, 'u');
/**
 * A visible character. The last ones in the class are invisible, but no Unicode property covers
 * them.
 */
const visible = /[^\p{C}\p{Z}\p{M}\p{Default_Ignorable_Code_Point}\u2800\ufffc\u{1d159}\u{13441}\u{13442}]/u;

/**
 * The name of a person, an account, a role or a key, trimmed, as it is stored.
 * @returns undefined if the text is not a valid name.
 */
export function displayName(text: string): string | undefined {
  const name = trimmed(text);
  return pattern.test(name) && visible.test(name) ? name : undefined;
}
