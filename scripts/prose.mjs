/**
 * Checks the language of code and docs: words and phrases that CONTRIBUTING.md's glossary has
 * better ones for, comments wider than 100 columns, and commit subjects longer than 72 characters.
 * A help for writers, not a measure of good English. Exits 1 if it finds anything.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const maxCommentWidth = 100;
const maxSubjectLength = 72;

/** What is found, and what to write instead. */
const phrases = [
  [/\bwh(o|om)ever\b/i, 'the client, the caller, the operator, the invitee'],
  [/\bsomeone who\b/i, 'name the actor: the caller, the member, the invitee'],
  [/\b(stands?|standing) (no more|no longer|in the way)\b/i, 'is active, has ended, prevents'],
  [/\bin (the|their|its|his) place\b/i, 'instead'],
  [/\bin the place of\b/i, 'instead of'],
  [/\bparted by\b/i, 'separated by'],
  [/\banew\b/i, 'again, from scratch'],
  [/\b(is|are|was|were) wished\b/i, 'requested, enabled'],
  [/\bwhat (became|comes|came) of\b/i, 'the result, the delivery status'],
  [/\bin company\b/i, 'batched'],
  [/\bthat is none\b/i, 'that is not, that has no'],
  [/\bmend(s|ed|ing)?\b/i, 'fix'],
  [/\b(is|are|was|were|counts?|works?) no more\b/i, 'no longer, not any more'],
  [/\b(is|are|was|were) told\b/i, 'is notified, is recorded'],
  [/\busual\b/i, 'default'],
  [/\bpromised mails?\b/i, 'outbox message'],
  [/\bpromises? (a|the|its) (mail|letter)\b/i, 'enqueues a message'],
  [/\bholds? (a|an|the|all|no|more|every) (permission|role|key)/i, 'has'],
];

const git = (...args) => execFileSync('git', args, { encoding: 'utf8' }).trim().split('\n');
const list = (...patterns) => git('ls-files', ...patterns);
const isExempt = (file) => file === 'scripts/prose.mjs' || file.endsWith('.d.ts');
const isComment = (line) => /^\s*(\/\/|\/?\*)/.test(line);

const findings = [];
const find = (file, line, text) => findings.push(`${file}:${line + 1}: ${text}`);

const code = list('*.ts', '*.mjs').filter((it) => !isExempt(it));
for (const file of [...code, ...list('*.md')]) {
  for (const [i, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    for (const [pattern, better] of phrases) {
      const found = pattern.exec(line);
      if (found) find(file, i, `“${found[0]}”: write ${better}`);
    }
    if (code.includes(file) && isComment(line) && line.length > maxCommentWidth) {
      find(file, i, `a comment of ${line.length} columns: wrap it at ${maxCommentWidth}`);
    }
  }
}

// Commits since this check exists.
const [added] = git('log', '--diff-filter=A', '--format=%H', '--', 'scripts/prose.mjs');
const subjects = added ? git('log', '--format=%s', `${added}..HEAD`) : [];
for (const subject of subjects) {
  if (subject.length > maxSubjectLength) findings.push(`commit subject of ${subject.length} characters: ${subject}`);
}

if (findings.length > 0) {
  process.stderr.write(`${findings.join('\n')}\n${findings.length} findings\n`);
  process.exitCode = 1;
}
