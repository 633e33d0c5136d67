/**
 * The UUID in a TypeID (https://github.com/jetify-com/typeid, version 0.3.0): its 128 bits, with two zeros before them, as 26 characters of
 * Crockford's base 32 in lower case. Ours, since every id of every row passes here: the library's took a sixth of what a list costs.
 */

const base32 = '0123456789abcdefghjkmnpqrstvwxyz';
const hex = '0123456789abcdef';

/** Stands for what is no digit. Its bit is none of a digit's. */
const none = 0x80;

/** The value of each digit, by its character code. */
function valuesOf(digits: string): Uint8Array {
  const values = new Uint8Array(128).fill(none);
  for (const [value, digit] of [...digits].entries()) values[digit.charCodeAt(0)] = value;
  return values;
}

/** Every two digits, by the bits of both. */
const pairsOf = (digits: string) => [...digits].flatMap((first) => [...digits].map((second) => first + second));

const hexValues = valuesOf(hex);
const hexPairs = pairsOf(hex);
const base32Values = valuesOf(base32);
const base32Pairs = pairsOf(base32);

/** Where hyphens and where the 32 digits of a UUID stand in its text, and before which of its bytes a hyphen does. */
const hyphens = [8, 13, 18, 23];
const places = Array.from({ length: 36 }, (_, at) => at).filter((at) => !hyphens.includes(at));
const hyphensBefore = [4, 6, 8, 10];

/** @throws RangeError for what is no UUID in lower case (RFC 9562, section 4). */
export function base32OfUuid(uuid: string): string {
  let text = '';
  let bits = 0;
  let seen = uuid.length === 36 && hyphens.every((at) => uuid[at] === '-') ? 0 : none;
  for (let i = 0; i < 32; i += 1) {
    const value = hexValues[uuid.charCodeAt(places[i] as number)] ?? none;
    seen |= value;
    bits = (bits << 4) | value;
    // Five digits are four characters; the first two are two characters, with as many zeros before them.
    if (i % 5 !== 1) continue;
    text += `${base32Pairs[(bits >> 10) & 0x3ff]}${base32Pairs[bits & 0x3ff]}`;
    bits = 0;
  }
  if (seen & none) throw new RangeError('not a UUID');
  return text.slice(2);
}

/** @throws RangeError for what is no base 32 of 128 bits. */
export function uuidOfBase32(text: string): string {
  let uuid = '';
  let bits = 0;
  let count = -2;
  let bytes = 0;
  let seen = text.length === 26 && text < '8' ? 0 : none;
  for (let i = 0; i < 26; i += 1) {
    const value = base32Values[text.charCodeAt(i)] ?? none;
    seen |= value;
    bits = ((bits << 5) | value) & 0x1fff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    if (hyphensBefore.includes(bytes)) uuid += '-';
    uuid += hexPairs[(bits >> count) & 0xff];
    bytes += 1;
  }
  if (seen & none) throw new RangeError('not the base 32 of a UUID');
  return uuid;
}
