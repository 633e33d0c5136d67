import { settings } from '../config/settings.ts';
import { limits } from '../limits/limits.ts';

/** Every setting as a Markdown table: what the README shows, so that it can't say anything else than the code does. */
export function settingsTable(): string {
  const rows = Object.values(settings).map(({ name, about, default: ifUnset, isSecret }) => [
    isSecret ? `\`${name}\`, \`${name}_FILE\`` : `\`${name}\``,
    about,
    ifUnset,
  ]);
  return tableOf(['Setting', 'Meaning', 'Otherwise'], rows);
}

/** Every limit as a Markdown table, for `docs/security.md`. */
export function limitsTable(): string {
  const rows = Object.entries(limits).map(([name, it]) => [`\`${name}\``, it.about, String(it.max), String(it.window)]);
  return tableOf(['Limit', 'What is counted', 'Tries', 'Seconds'], rows);
}

function tableOf(head: string[], rows: string[][]): string {
  const lines = [head, head.map(() => '---'), ...rows].map(lineOf);
  return `${lines.join('\n')}\n`;
}

const lineOf = (cells: string[]) => `| ${cells.map((it) => it.replaceAll('|', '\\|')).join(' | ')} |`;
