import { settings } from './config.ts';

/** Every setting as a Markdown table: what the README shows, so that it can't say anything else than the code does. */
export function settingsTable(): string {
  const rows = Object.values(settings).map(({ name, about, otherwise }) => [`\`${name}\``, about, otherwise]);
  const lines = [['Setting', 'Meaning', 'Otherwise'], ['---', '---', '---'], ...rows].map(lineOf);
  return `${lines.join('\n')}\n`;
}

const lineOf = (cells: string[]) => `| ${cells.map((it) => it.replaceAll('|', '\\|')).join(' | ')} |`;
