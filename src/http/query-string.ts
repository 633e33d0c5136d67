/**
 * What is wrong with a query string. The parser can't refuse a request, so `checkRequests` does.
 */
type Fault = { detail: string } | { parameter: string; detail: string };

const faults = new WeakMap<object, Fault>();

/** Parses a query string. Never throws: `faultOf` returns what is wrong with the result. */
export function parseQuery(text: string): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  if (text === '') return query;
  const pairs = readPairs(text);
  if (!pairs) faults.set(query, { detail: 'The query string is not percent-encoded UTF-8.' });
  for (const [name, value] of pairs ?? []) {
    if (name in query) faults.set(query, { parameter: name, detail: 'must not be repeated' });
    query[name] = value;
  }
  return query;
}

export const faultOf = (query: unknown): Fault | undefined => faults.get(query as object);

/**
 * Parses an `application/x-www-form-urlencoded` text.
 * @returns undefined if it can't be decoded.
 */
export function readPairs(text: string): [name: string, value: string][] | undefined {
  try {
    return text
      .split('&')
      .filter((it) => it !== '')
      .map((it) => {
        const at = it.indexOf('=');
        return at === -1 ? [decode(it), ''] : [decode(it.slice(0, at)), decode(it.slice(at + 1))];
      });
  } catch {
    return undefined;
  }
}

/** @throws URIError for invalid percent-encoding or bytes that are not UTF-8. */
const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
