/** A fenced code block of a page, and the output that the page shows for it (empty if none). */
export interface Block {
  language: string;
  content: string;
  shown: string;
}

const outputs = ['json', 'text'];

/**
 * The code blocks of a page, in order. A block of output belongs to the code block right before it.
 */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let end = 0;
  for (const { 0: whole, 1: language = '', 2: content = '', index } of markdown.matchAll(/^```(\w+)\n(.*?)^```/gms)) {
    const last = blocks.at(-1);
    const isOutput = outputs.includes(language) && markdown.slice(end, index).trim() === '';
    if (isOutput && last && ['sh', 'ts'].includes(last.language) && last.shown === '') last.shown = content;
    else blocks.push({ language, content, shown: '' });
    end = index + whole.length;
  }
  return blocks;
}

export const withoutSpace = (text: string) => text.replaceAll(/\s+/g, '');

/** Matches output, ignoring white space. `…` in a page matches anything. */
export function patternOf(shown: string): RegExp {
  const parts = withoutSpace(shown).split('…');
  return new RegExp(`^${parts.map((it) => it.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+?')}$`);
}
