import { isUtf8 } from 'node:buffer';
import { Problem } from '../problems/problem.ts';

/**
 * Decodes UTF-8, without a byte order mark (RFC 8259, section 8.1).
 * @returns undefined if the bytes are not UTF-8.
 */
export function utf8Text(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return undefined;
  const text = bytes.toString('utf8');
  return text.startsWith('\uFEFF') ? text.slice(1) : text;
}

/** The text of a body. @throws invalid-request if it is not UTF-8. */
export function requireUtf8(body: Buffer): string {
  const text = utf8Text(body);
  if (text === undefined) throw new Problem('invalid-request', 'The body is not valid UTF-8.');
  return text;
}
