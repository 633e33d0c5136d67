/** A fenced block of a page, and what the page shows it to print: nothing, where no block of output follows it. */
export interface Block {
  language: string;
  content: string;
  shown: string;
}

const outputs = ['json', 'text'];

/** The fenced blocks of a page, in order; one of output belongs to the block of code right before it, where there is one. */
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

/** Pages lay answers out, and write `…` for what differs each time. */
export function patternOf(shown: string): RegExp {
  const parts = withoutSpace(shown).split('…');
  return new RegExp(`^${parts.map((it) => it.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+?')}$`);
}
