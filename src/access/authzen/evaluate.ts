import type { Caller } from '../../credentials/caller.ts';
import { invalidField } from '../../problems/problem.ts';
import { type CheckedAnswer, type QuestionChecker, requireMayAsk } from '../checks/check.ts';
import type { Question } from '../checks/question.ts';
import {
  type ActionEntity,
  accountFromResource,
  accountIdRequired,
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

/**
 * Decides one question (AuthZEN 1.0, Access Evaluation). An unknown user, account or permission is
 * denied.
 * @throws unauthenticated, permission-missing if the caller may not ask about the subject,
 * invalid-request if no account is given.
 */
export async function evaluate(
  checkAll: QuestionChecker,
  caller: Caller,
  evaluation: Evaluation,
): Promise<EvaluationDecision> {
  const question = toQuestion(caller, evaluation);
  if (question === null) throw invalidField('/resource/properties/accountId', accountIdRequired);
  const [checked] = await checkAll(caller, question ? [question] : []);
  if (checked && (checked.isAccountVisible || caller.apiKey?.kind === 'platform')) requireMayAsk(caller, checked);
  return { decision: checked?.isAccountVisible === true && checked.isAllowed };
}

/**
 * Decides many questions in one statement (AuthZEN 1.0, Access Evaluations). One that is not valid
 * is denied with a reason, and does not affect the others. A request without evaluations is decided
 * like a single question.
 * @throws unauthenticated, invalid-request, and for a single question what `evaluate` throws.
 */
export async function evaluateAll(
  checkAll: QuestionChecker,
  caller: Caller,
  { evaluations = [], options, ...defaults }: AccessEvaluationsRequest,
): Promise<EvaluationDecision | { evaluations: EvaluationDecision[] }> {
  if (evaluations.length === 0) {
    const single = merge({}, defaults);
    if ('error' in single) throw invalidField(single.error.pointer, single.error.detail);
    return evaluate(checkAll, caller, single);
  }
  const merged = evaluations.map((it) => merge(it, defaults));
  const questions = merged.map((it) => ('error' in it ? undefined : toQuestion(caller, it)));
  requireBoundedProperties(questions);
  const checked = await checkAll(
    caller,
    questions.filter((it) => it !== undefined && it !== null),
  );
  const decisions = merged.map((it, i): EvaluationDecision => {
    if ('error' in it) return denied(400, `${it.error.pointer} ${it.error.detail}`);
    if (questions[i] === null) return denied(400, `/resource/properties/accountId ${accountIdRequired}`);
    return questions[i] === undefined ? { decision: false } : toDecision(caller, checked.shift() as CheckedAnswer);
  });
  return { evaluations: applySemantic(decisions, options?.evaluations_semantic ?? 'execute_all') };
}

/** The maximum size of the properties of all questions, in characters of JSON. */
const maxPropertiesSize = 256 * 1024;

/**
 * Evaluations inherit properties: without a limit, a body of 256 KB could cause a hundred times as
 * much work.
 * @throws invalid-request.
 */
function requireBoundedProperties(questions: readonly (Question | null | undefined)[]): void {
  let size = 0;
  for (const it of questions) {
    size += it ? JSON.stringify(it.properties).length : 0;
    if (size > maxPropertiesSize)
      throw invalidField('/evaluations', 'have too many or too large properties, including inherited ones');
  }
}

function toDecision(caller: Caller, checked: CheckedAnswer): EvaluationDecision {
  const isPlatform = caller.apiKey?.kind === 'platform';
  if (!checked.mayAsk && (checked.isAccountVisible || isPlatform))
    return denied(403, 'You may not ask about this subject.');
  return { decision: checked.isAccountVisible && checked.isAllowed };
}

const denied = (status: number, message: string): EvaluationDecision => ({
  decision: false,
  context: { error: { status, message } },
});

/**
 * Cuts the decisions off after the first one that ends the evaluation by the requested semantic.
 */
function applySemantic(
  decisions: EvaluationDecision[],
  semantic: 'execute_all' | 'deny_on_first_deny' | 'permit_on_first_permit',
) {
  if (semantic === 'execute_all') return decisions;
  const last = decisions.findIndex((it) => it.decision === (semantic === 'permit_on_first_permit'));
  return last === -1 ? decisions : decisions.slice(0, last + 1);
}

/**
 * The question of an evaluation. Undefined if its subject or account can't exist, null if no
 * account is given.
 */
function toQuestion(
  caller: Caller,
  { subject, action, resource }: { subject: SubjectEntity; action: ActionEntity; resource: ResourceEntity },
): Question | null | undefined {
  const accountId = accountFromResource(caller, resource);
  const user = subjectFrom(subject);
  if (accountId === null) return null;
  if (accountId === undefined || user === undefined) return undefined;
  return {
    accountId,
    subject: user,
    permission: permissionFromAction(action.name, resource.type),
    resource: resourceFrom(resource),
    properties: propertiesFrom(subject.properties, action.properties, resource.properties),
  };
}
