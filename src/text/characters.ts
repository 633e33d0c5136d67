/**
 * Control characters (`\\p{Cc}`), as the inside of a character class that every regular expression
 * engine reads.
 */
export const controls = '\\x00-\\x1f\\x7f-\\x9f';

/** A pattern for text without control characters. */
export const noControls = `^[^${controls}]*$`;

// Character classes. The characters are literal, not `\\p{…}` or `\\u…`, so that every regular
// expression engine can read the patterns in the OpenAPI document.

export const spaces = '\x20\xa0\u1680\u2000-\u200a\u202f\u205f\u3000';
/** Soft hyphen, zero-width spaces and joiners, direction marks, byte order mark. */
export const zeroWidth = '\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff';
/** Invisible, but part of the preceding character, so never trimmed. */
const fillers = '\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\ufffc';
/**
 * Control characters, line breaks of all scripts, and characters that change the direction of text.
 */
const refused = `${controls}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069`;
const blank = `${spaces}\xad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff${fillers}`;

/**
 * A pattern for one line with a visible character. `displayName` is stricter, since not every
 * engine can check all of it. Only blank characters match before the first visible one, so that
 * matching takes linear time.
 */
export const displayNamePattern = `^[${blank}]*[^${refused}${blank}][^${refused}]*$`;
