import { setTimeout as sleep } from 'node:timers/promises';
import DataLoader from 'dataloader';
import type { Caller } from '../../credentials/caller.ts';
import { credentialKey } from '../../credentials/store.ts';
import { copyVerification } from '../../credentials/verification.ts';
import { isStatementError } from '../../database/errors.ts';
import type { CheckedAnswer, QuestionChecker } from './check.ts';
import type { Question } from './question.ts';

/** The maximum time, in milliseconds, that questions wait for the previous statement. */
const maxWait = 50;
/** The maximum number of questions in one statement. */
const maxBatchSize = 200;
/** A request with more questions than this gets its own statement. */
const maxBatchedQuestions = 20;

interface Item {
  caller: Caller;
  question: Question;
}

/**
 * Batches permission checks. While a statement for a credential runs, further questions with the
 * same credential wait for it and then share one statement. A question is not delayed while no
 * statement runs. Each answer is read after its question arrived. See docs/decisions/batching.md.
 * @param observe gets the number of questions in each statement.
 */
export function batchChecks(checkAll: QuestionChecker, observe: (questions: number) => void): QuestionChecker {
  const batchers = new Map<string, DataLoader<Item, CheckedAnswer>>();

  function createBatcher(credential: string): DataLoader<Item, CheckedAnswer> {
    let running: Promise<unknown> | undefined;
    let isScheduled = false;

    async function answer(items: readonly Item[]): Promise<(CheckedAnswer | Error)[]> {
      isScheduled = false;
      const answering = answerBatch(checkAll, items);
      const settled = answering.catch(() => {});
      running = settled;
      observe(items.length);
      void settled.then(() => {
        if (running !== settled) return;
        running = undefined;
        if (!isScheduled) batchers.delete(credential);
      });
      return answering;
    }

    return new DataLoader(answer, {
      cache: false,
      maxBatchSize: maxBatchSize,
      batchScheduleFn(dispatch) {
        isScheduled = true;
        if (running) void Promise.race([running, sleep(maxWait)]).then(dispatch);
        else queueMicrotask(dispatch);
      },
    });
  }

  return async (caller, questions) => {
    // The statement verifies the credential even if there are no questions.
    if (questions.length === 0 || questions.length > maxBatchedQuestions) return checkAll(caller, questions);
    const credential = credentialKey(caller);
    const batcher = batchers.get(credential) ?? createBatcher(credential);
    batchers.set(credential, batcher);
    return Promise.all(questions.map((question) => batcher.load({ caller, question })));
  };
}

/**
 * Answers a batch in one statement, as of the time of the latest request. If the database rejects
 * the statement because of one question, each question gets its own statement, so that only that
 * question fails.
 */
async function answerBatch(checkAll: QuestionChecker, items: readonly Item[]): Promise<(CheckedAnswer | Error)[]> {
  const { caller } = items.reduce((one, other) => (other.caller.now >= one.caller.now ? other : one));
  try {
    const answers = await checkAll(
      caller,
      items.map((it) => it.question),
    );
    for (const it of items) copyVerification(it.caller, caller);
    return answers;
  } catch (error) {
    if (items.length === 1 || !isStatementError(error)) throw error;
    const answers = items.map((it) => checkAll(it.caller, [it.question]).then(([checked]) => checked as CheckedAnswer));
    return Promise.all(answers.map((it) => it.catch((failure: Error) => failure)));
  }
}
