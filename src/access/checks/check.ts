import { hasScope } from '../../accounts/platform.ts';
import type { Caller } from '../../credentials/caller.ts';
import type { Db } from '../../database/database.ts';
import { isDistributed } from '../../database/statements.ts';
import type { AccountId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import { sessionEnded } from '../../users/require-user.ts';
import type { Answer, Question } from './question.ts';
import { answerAcrossAccounts, answerQuestions } from './store.ts';

/** An answer, and whether the caller may have it. */
export interface CheckedAnswer extends Answer {
  /** Whether the account exists for the caller. */
  isAccountVisible: boolean;
  /** Whether the caller may ask about the subject. */
  mayAsk: boolean;
}

/** Answers questions for the caller, in their order. */
export type QuestionChecker = (caller: Caller, questions: readonly Question[]) => Promise<CheckedAnswer[]>;

/**
 * Answers questions for the caller, in their order. The platform may ask about any user; a member
 * with `members:read`, or an account key with it, about everyone in their account; any user about
 * themselves. The caller's rights are read in the same statement. On Citus, each account needs its
 * own statement.
 * @throws unauthenticated if the caller's credential is no longer valid.
 */
export async function checkAll(db: Db, caller: Caller, questions: readonly Question[]): Promise<CheckedAnswer[]> {
  const accounts = new Set(questions.map((it) => it.accountId));
  if (accounts.size <= 1 || !isDistributed(db)) return checkInOneStatement(db, caller, questions);
  const checked = new Map<Question, CheckedAnswer>();
  for (const accountId of accounts) {
    const inAccount = questions.filter((it) => it.accountId === accountId);
    const answers = await checkInOneStatement(db, caller, inAccount);
    inAccount.forEach((it, i) => void checked.set(it, answers[i] as CheckedAnswer));
  }
  return questions.map((it) => checked.get(it) as CheckedAnswer);
}

async function checkInOneStatement(db: Db, caller: Caller, questions: readonly Question[]): Promise<CheckedAnswer[]> {
  const accounts = [...new Set(questions.map((it) => it.accountId))];
  const callerQuestions = accounts.flatMap((it) => questionsAboutCaller(caller, it));
  const all = [...questions, ...callerQuestions];
  const found =
    accounts.length > 1
      ? await answerAcrossAccounts(db, caller, all)
      : await answerQuestions(db, caller, accounts[0] ?? null, all);
  if (!found) throw sessionEnded();
  const answersAboutCaller = new Map(
    callerQuestions.map((it, i) => [it.accountId, found.answers[questions.length + i]]),
  );
  return questions.map((question, i) => {
    const answer = found.answers[i] as Answer;
    const aboutCaller = answersAboutCaller.get(question.accountId) ?? answer;
    return { ...answer, ...callerRights(caller, question, found.scopes, aboutCaller) };
  });
}

/**
 * Whether the account exists for the caller, and whether the caller may ask about the subject.
 * @param question its subject is null if the subjects are searched for.
 * @param scopes what the caller's API key covers; null for everything.
 * @param aboutCaller the answer to `questionsAboutCaller`; for the platform, any answer about the
 * account.
 */
export function callerRights(
  caller: Caller,
  question: QuestionTarget,
  scopes: readonly string[] | null,
  aboutCaller: Answer,
) {
  if (caller.apiKey?.kind === 'platform') {
    const all = scopes ?? [];
    return {
      isAccountVisible: aboutCaller.isAccount,
      mayAsk: hasScope(all, 'access:check') || hasScope(all, 'accounts:manage'),
    };
  }
  const isKeysAccount = caller.apiKey === null || caller.apiKey.accountId === question.accountId;
  const mayRead = aboutCaller.isAllowed && (scopes === null || scopes.includes(readMembers));
  return {
    isAccountVisible: aboutCaller.isMember && isKeysAccount,
    mayAsk: isAboutSelf(caller, question) || mayRead,
  };
}

type QuestionTarget = Pick<Question, 'accountId'> & { subject: Question['subject'] | null };

const readMembers = 'members:read';

/** False for API keys: a key needs a scope even to ask about the member that it acts as. */
const isAboutSelf = ({ apiKey, userId }: Caller, { subject }: QuestionTarget) =>
  apiKey === null && subject !== null && 'id' in subject && subject.id === userId;

/**
 * The question whether the caller is in the account and may see its members. None for the platform,
 * which is not a member of any account.
 */
export function questionsAboutCaller({ userId, apiKey }: Caller, accountId: AccountId): Question[] {
  if (apiKey?.kind === 'platform') return [];
  return [{ accountId, subject: { id: userId }, permission: readMembers, resource: null, properties: {} }];
}

/**
 * Answers one question.
 * @throws unauthenticated, not-found if the account does not exist for the caller,
 * permission-missing.
 */
export async function check(checkAll: QuestionChecker, caller: Caller, question: Question): Promise<boolean> {
  const [checked] = await checkAll(caller, [question]);
  if (!checked?.isAccountVisible) throw new Problem('not-found');
  requireMayAsk(caller, checked);
  return checked.isAllowed;
}

/** @throws permission-missing with the required permission or scope. */
export function requireMayAsk({ apiKey }: Caller, { mayAsk }: Pick<CheckedAnswer, 'mayAsk'>): void {
  if (mayAsk) return;
  const permission = apiKey?.kind === 'platform' ? 'access:check' : readMembers;
  throw new Problem('permission-missing', `Checking other users needs the permission ${permission}.`, { permission });
}
