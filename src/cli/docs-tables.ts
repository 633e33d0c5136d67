import { settings } from '../config/settings.ts';
import { limits } from '../limits/limits.ts';

/** The settings as a Markdown table, for `docs/settings.md`. */
export function settingsTable(): string {
  const rows = Object.values(settings).map(({ name, about, default: defaultValue, isSecret }) => [
    isSecret ? `\`${name}\`, \`${name}_FILE\`` : `\`${name}\``,
    about.replaceAll('](docs/', ']('),
    defaultValue,
  ]);
  return toTable(['Setting', 'Meaning', 'Default'], rows);
}

/** The limits as a Markdown table, for `docs/security.md`. */
export function limitsTable(): string {
  const rows = Object.entries(limits).map(([name, it]) => [`\`${name}\``, it.about, String(it.max), String(it.window)]);
  return toTable(['Limit', 'What is counted', 'Tries', 'Seconds'], rows);
}

function toTable(head: string[], rows: string[][]): string {
  const lines = [head, head.map(() => '---'), ...rows].map(toRow);
  return `${lines.join('\n')}\n`;
}

const toRow = (cells: string[]) => `| ${cells.map((it) => it.replaceAll('|', '\\|')).join(' | ')} |`;
