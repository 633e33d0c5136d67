/** JSON for a person: on one line where it fits, otherwise an entry a line. Secrets are shown by their first letters. */
export function layOut(value: unknown, width = 110): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const isList = Array.isArray(value);
  const [open, close] = isList ? '[]' : '{}';
  const entries = Object.entries(value);
  if (entries.length === 0) return `${open}${close}`;
  const line = entries.map((it) => entryOf(it, isList, Number.POSITIVE_INFINITY)).join(', ');
  if (line.length + 4 <= width) return `${open} ${line} ${close}`;
  const lines = entries.map((it) => `  ${entryOf(it, isList, width - 2).replaceAll('\n', '\n  ')}`);
  return `${open}\n${lines.join(',\n')}\n${close}`;
}

function entryOf([key, value]: [string, unknown], isList: boolean, width: number): string {
  const name = isList ? '' : `${JSON.stringify(key)}: `;
  return name + layOut(isSecret(key) ? shortened(String(value)) : value, width - name.length);
}

const isSecret = (key: string) => /^(password|token|accessToken|refreshToken)$/.test(key);

/** The beginning of a secret: enough to recognise it by, and no use to anyone. */
export const shortened = (secret: string) => `${secret.slice(0, 8)}…`;
