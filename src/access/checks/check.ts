import { hasScope } from '../../accounts/platform-entry.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { isDistributed } from '../../database/statements.ts';
import type { AccountId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import { sessionEnded } from '../../users/sessions/session.ts';
import type { Answer, Question } from './question.ts';
import { answerAcrossAccounts, answerQuestions } from './store.ts';

/** An answer with whether the caller may have it. */
export interface Checked extends Answer {
  /** Whether the account exists to whoever asks. */
  isTheirs: boolean;
  /** Whether they may ask about this person. */
  mayAsk: boolean;
}

/** Answers questions for the caller, in their order. */
export type CheckAll = (caller: Caller, questions: readonly Question[]) => Promise<Checked[]>;

/**
 * Answers questions for the caller: the platform about anybody; a member, or an account's key,
 * about everyone in their account with `members:read`, and about themselves without. What the
 * caller may do is read in the same statement. Where Citus distributes the tables, each account
 * takes a statement of its own.
 * @throws unauthenticated if the caller's credential is not valid any more.
 */
export async function checkAll(db: Db, caller: Caller, questions: readonly Question[]): Promise<Checked[]> {
  const accounts = new Set(questions.map((it) => it.accountId));
  if (accounts.size <= 1 || !isDistributed(db)) return askAtOnce(db, caller, questions);
  const checked = new Map<Question, Checked>();
  for (const accountId of accounts) {
    const asked = questions.filter((it) => it.accountId === accountId);
    const answers = await askAtOnce(db, caller, asked);
    asked.forEach((it, i) => void checked.set(it, answers[i] as Checked));
  }
  return questions.map((it) => checked.get(it) as Checked);
}

/** Asks all questions in one statement. */
async function askAtOnce(db: Db, caller: Caller, questions: readonly Question[]): Promise<Checked[]> {
  const accounts = [...new Set(questions.map((it) => it.accountId))];
  const own = accounts.flatMap((it) => ownQuestions(caller, it));
  const all = [...questions, ...own];
  const found =
    accounts.length > 1
      ? await answerAcrossAccounts(db, caller, all)
      : await answerQuestions(db, caller, accounts[0] ?? null, all);
  if (!found) throw sessionEnded();
  const ownAnswers = new Map(own.map((it, i) => [it.accountId, found.answers[questions.length + i]]));
  return questions.map((question, i) => {
    const answer = found.answers[i] as Answer;
    return { ...answer, ...standpoint(caller, question, found.scopes, ownAnswers.get(question.accountId) ?? answer) };
  });
}

/**
 * Whether an account exists to whoever asks about it, and whether they may ask about this person.
 * @param own with the platform any answer on the account; with everyone else the one to whether they may see its members.
 */
export function standpoint(caller: Caller, question: Asking, scopes: readonly string[] | null, own: Answer) {
  if (caller.apiKey?.kind === 'platform') {
    const all = scopes ?? [];
    return { isTheirs: own.isAccount, mayAsk: hasScope(all, 'access:check') || hasScope(all, 'accounts:manage') };
  }
  const isOfKey = caller.apiKey === null || caller.apiKey.accountId === question.accountId;
  const mayRead = own.isAllowed && (scopes === null || scopes.includes(readMembers));
  return { isTheirs: own.isMember && isOfKey, mayAsk: isAboutSelf(caller, question) || mayRead };
}

/** What is asked, as far as it matters to whether it may be. */
export type Asking = Pick<Question, 'accountId'> & { subject: Question['subject'] | null };

const readMembers = 'members:read';

/** A key is nobody: what it may ask about the member as whom it acts, it may by its scopes. */
const isAboutSelf = ({ apiKey, userId }: Caller, { subject }: Asking) =>
  apiKey === null && subject !== null && 'id' in subject && subject.id === userId;

/**
 * Whether the caller is in the account that is asked about, and may see its members. The platform
 * is in none.
 */
export function ownQuestions({ userId, apiKey }: Caller, accountId: AccountId): Question[] {
  if (apiKey?.kind === 'platform') return [];
  return [{ accountId, subject: { id: userId }, permission: readMembers, resource: null, properties: {} }];
}

/** One question, on an account that has to be the caller's. @throws unauthenticated, not-found, permission-missing. */
export async function check(checkAll: CheckAll, caller: Caller, question: Question): Promise<boolean> {
  const [checked] = await checkAll(caller, [question]);
  if (!checked?.isTheirs) throw new Problem('not-found');
  requireMayAsk(caller, checked);
  return checked.isAllowed;
}

/** @throws permission-missing, naming what it would take to ask. */
export function requireMayAsk({ apiKey }: Caller, { mayAsk }: Pick<Checked, 'mayAsk'>): void {
  if (mayAsk) return;
  const permission = apiKey?.kind === 'platform' ? 'access:check' : readMembers;
  throw new Problem('permission-missing', `Asking about others needs ${permission}.`, { permission });
}
