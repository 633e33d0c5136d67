import type { Caller } from '../../credentials/caller.ts';
import { invalidField } from '../../problems/problem.ts';
import { type CheckAll, type Checked, requireMayAsk } from '../checks/check.ts';
import type { Question } from '../checks/question.ts';
import {
  type ActionEntity,
  accountFromResource,
  permissionFromAction,
  propertiesFrom,
  type ResourceEntity,
  resourceFrom,
  type SubjectEntity,
  subjectFrom,
} from './entities.ts';
import { type Evaluation, merge } from './merge.ts';
import type { AccessEvaluationsRequest } from './schemas.ts';

export interface EvaluationDecision {
  decision: boolean;
  context?: { error: { status: number; message: string } };
}

/** Where the account has to be named, and was not. */
const accountMissing = 'is required: this caller has no account of its own';

/**
 * Decides one question (AuthZEN 1.0, Access Evaluation). What is not there is denied: a person, an account, a permission.
 * @throws unauthenticated, permission-missing for asking about others, invalid-request where no account is named.
 */
export async function evaluate(
  checkAll: CheckAll,
  caller: Caller,
  evaluation: Evaluation,
): Promise<EvaluationDecision> {
  const question = questionOf(caller, evaluation);
  if (question === null) throw invalidField('/resource/properties/accountId', accountMissing);
  const [checked] = await checkAll(caller, question ? [question] : []);
  if (checked && (checked.isTheirs || caller.apiKey?.kind === 'platform')) requireMayAsk(caller, checked);
  return { decision: checked?.isTheirs === true && checked.isAllowed };
}

/**
 * Decides many, in one statement (AuthZEN 1.0, Access Evaluations). One that can't be decided is denied and says why; the others
 * are decided all the same. Without evaluations it is one question.
 * @throws unauthenticated, and for one question what `evaluate` throws, or invalid-request.
 */
export async function evaluateAll(
  checkAll: CheckAll,
  caller: Caller,
  { evaluations = [], options, ...defaults }: AccessEvaluationsRequest,
): Promise<EvaluationDecision | { evaluations: EvaluationDecision[] }> {
  if (evaluations.length === 0) {
    const only = merge({}, defaults);
    if ('wrong' in only) throw invalidField(only.wrong.pointer, only.wrong.detail);
    return evaluate(checkAll, caller, only);
  }
  const merged = evaluations.map((it) => merge(it, defaults));
  const questions = merged.map((it) => ('wrong' in it ? undefined : questionOf(caller, it)));
  requireBounded(questions);
  const checked = await checkAll(
    caller,
    questions.filter((it) => it !== undefined && it !== null),
  );
  const decisions = merged.map((it, i): EvaluationDecision => {
    if ('wrong' in it) return denied(400, `${it.wrong.pointer} ${it.wrong.detail}`);
    if (questions[i] === null) return denied(400, `/resource/properties/accountId ${accountMissing}`);
    return questions[i] === undefined ? { decision: false } : decisionOf(caller, checked.shift() as Checked);
  });
  return { evaluations: untilDecided(decisions, options?.evaluations_semantic ?? 'execute_all') };
}

/** Characters of JSON that the properties of all questions may have. */
const mostProperties = 256 * 1024;

/**
 * Evaluations inherit properties: without a limit, a body of 256 KB could ask for a hundred times as
 * much work.
 * @throws invalid-request.
 */
function requireBounded(questions: readonly (Question | null | undefined)[]): void {
  let size = 0;
  for (const it of questions) {
    size += it ? JSON.stringify(it.properties).length : 0;
    if (size > mostProperties) throw invalidField('/evaluations', 'have too large properties, with those they inherit');
  }
}

function decisionOf(caller: Caller, checked: Checked): EvaluationDecision {
  const isPlatform = caller.apiKey?.kind === 'platform';
  if (!checked.mayAsk && (checked.isTheirs || isPlatform))
    return denied(403, 'Asking about this person is not permitted.');
  return { decision: checked.isTheirs && checked.isAllowed };
}

const denied = (status: number, message: string): EvaluationDecision => ({
  decision: false,
  context: { error: { status, message } },
});

/** The decisions up to the one that decides all of them, by the semantic asked for. */
function untilDecided(
  decisions: EvaluationDecision[],
  semantic: 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit',
) {
  if (semantic === 'execute_all') return decisions;
  const last = decisions.findIndex((it) => it.decision === (semantic === 'permit_on_first_permit'));
  return last === -1 ? decisions : decisions.slice(0, last + 1);
}

/** What is asked; undefined where it is about nobody or no account, null where no account is named. */
function questionOf(
  caller: Caller,
  { subject, action, resource }: { subject: SubjectEntity; action: ActionEntity; resource: ResourceEntity },
): Question | null | undefined {
  const accountId = accountFromResource(caller, resource);
  const who = subjectFrom(subject);
  if (accountId === null) return null;
  if (accountId === undefined || who === undefined) return undefined;
  return {
    accountId,
    subject: who,
    permission: permissionFromAction(action.name, resource.type),
    resource: resourceFrom(resource),
    properties: propertiesFrom(subject.properties, action.properties, resource.properties),
  };
}
