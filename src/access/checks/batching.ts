import { setTimeout as sleep } from 'node:timers/promises';
import DataLoader from 'dataloader';
import type { Caller } from '../../credentials/caller.ts';
import { credentialOf } from '../../credentials/store.ts';
import { copyVerification } from '../../credentials/verification.ts';
import { isOfStatement } from '../../database/errors.ts';
import type { CheckAll, Checked } from './check.ts';
import type { Question } from './question.ts';

/** Milliseconds for which questions wait for the statement before them, which may be slow. */
const longestWait = 50;
/** How many questions one statement answers. */
const mostInBatch = 200;
/** How many questions of one request are batched with others. More are worth their own statement. */
const mostOfRequest = 20;

interface Item {
  caller: Caller;
  question: Question;
}

/**
 * Batches permission checks. While a statement for a credential runs, further questions with the
 * same credential wait for it and then go in one statement. A question without company is never
 * delayed, and each is answered by what is true after it was asked. See docs/decisions/batching.md.
 * @param observe gets the number of questions in each statement.
 */
export function batchChecks(checkAll: CheckAll, observe: (questions: number) => void): CheckAll {
  const batchers = new Map<string, DataLoader<Item, Checked>>();

  function createBatcher(credential: string): DataLoader<Item, Checked> {
    let running: Promise<unknown> | undefined;
    let isScheduled = false;

    async function answer(items: readonly Item[]): Promise<(Checked | Error)[]> {
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
      maxBatchSize: mostInBatch,
      batchScheduleFn(dispatch) {
        isScheduled = true;
        if (running) void Promise.race([running, sleep(longestWait)]).then(dispatch);
        else queueMicrotask(dispatch);
      },
    });
  }

  return async (caller, questions) => {
    // Without a question, the statement still verifies the credential.
    if (questions.length === 0 || questions.length > mostOfRequest) return checkAll(caller, questions);
    const credential = credentialOf(caller);
    const batcher = batchers.get(credential) ?? createBatcher(credential);
    batchers.set(credential, batcher);
    return Promise.all(questions.map((question) => batcher.load({ caller, question })));
  };
}

/**
 * One statement, at the time of the latest request. If the database refuses it because of one
 * question, each question gets its own statement, so that it fails nobody else's.
 */
async function answerBatch(checkAll: CheckAll, items: readonly Item[]): Promise<(Checked | Error)[]> {
  const { caller } = items.reduce((one, other) => (other.caller.now >= one.caller.now ? other : one));
  try {
    const answers = await checkAll(
      caller,
      items.map((it) => it.question),
    );
    for (const it of items) copyVerification(it.caller, caller);
    return answers;
  } catch (error) {
    if (items.length === 1 || !isOfStatement(error)) throw error;
    const answers = items.map((it) => checkAll(it.caller, [it.question]).then(([checked]) => checked as Checked));
    return Promise.all(answers.map((it) => it.catch((failure: Error) => failure)));
  }
}
