/**
 * Formats JSON for reading: on one line if it fits, else one entry per line. Secrets are shortened.
 */
export function formatJson(value: unknown, width = 110): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  const entries = Object.entries(value);
  if (entries.length === 0) return `${open}${close}`;
  const line = entries.map((it) => formatEntry(it, isList, Number.POSITIVE_INFINITY)).join(', ');
  if (line.length + 4 <= width) return `${open} ${line} ${close}`;
  const lines = entries.map((it) => `  ${formatEntry(it, isList, width - 2).replaceAll('\n', '\n  ')}`);
  return `${open}\n${lines.join(',\n')}\n${close}`;
}

function formatEntry([key, value]: [string, unknown], isList: boolean, width: number): string {
  const name = isList ? '' : `${JSON.stringify(key)}: `;
  return name + formatJson(isSecret(key) ? shorten(String(value)) : value, width - name.length);
}

const isSecret = (key: string) => /^(password|token|accessToken|refreshToken)$/.test(key);

/** The first characters of a secret: enough to recognise it, too few to use it. */
export const shorten = (secret: string) => `${secret.slice(0, 8)}…`;
