import { type SQL, sql } from 'drizzle-orm';
import { isCallingPlatform, scopesOfKey } from '../../accounts/store.ts';
import type { Caller } from '../../credentials/caller.ts';
import { callerValues, isValidCaller } from '../../credentials/store.ts';
import { markVerified } from '../../credentials/verification.ts';
import type { Db } from '../../database/database.ts';
import { accounts, memberships, platformKeys, users } from '../../database/schema.ts';
import { listPlaceholder as list, placeholderFor, prepared } from '../../database/statements.ts';
import { type AccountId, uuidOf } from '../../ids/ids.ts';
import { isAllowed } from '../../permissions/effective-access.ts';
import { membershipOf, userBy } from './decision-store.ts';
import type { Answer, Question } from './question.ts';

export const atNow = sql`${placeholderFor(memberships.endsAt, 'now')}::timestamptz`;

/** The account that the questions are about, as a parameter. */
export const account = sql`${placeholderFor(accounts.id, 'accountId')}::uuid`;

/** Questions are passed as parallel lists, so that one statement answers any number of them. */
const lists = sql`${list('ids', 'uuid')}, ${list('emails', 'text')}, ${list('externalIds', 'text')},
  ${list('permissions', 'text')}, ${list('types', 'text')}, ${list('resources', 'text')}, ${list('properties', 'jsonb')}`;
const columns = sql`user_id, email, external_id, permission, resource_type, resource_id, properties, place`;

/** Where a statement gets its questions from, and the account of each. */
interface QuestionSource {
  account: SQL;
  questions: SQL;
}
const oneAccount: QuestionSource = { account, questions: sql`unnest(${lists}) with ordinality as q(${columns})` };
const severalAccounts: QuestionSource = {
  account: sql`q.account_id`,
  questions: sql`unnest(${list('accounts', 'uuid')}, ${lists}) with ordinality as q(account_id, ${columns})`,
};

const answersTo = ({ account, questions }: QuestionSource) => sql<Answer[]>`(
  select jsonb_agg(jsonb_build_object('isAccount', a.id is not null, 'isMember', m.user_id is not null, 'isAllowed', ${isAllowed(account, atNow)}) order by q.place)
  from ${questions}
  left join lateral ${userBy(sql`q.user_id`, sql`q.email`, sql`q.external_id`)} u on true
  ${membershipOf(account, sql`u.id`, atNow)}
  left join permissions p on p.key = q.permission)`;

/**
 * Prepares a statement that verifies the caller, and reads the scopes of their key, the answers to
 * questions, and one further column. It is prepared for users (and account keys) and for the
 * platform.
 * @param name a prefix of the statements' names, unique in the service.
 * @param extra the further column.
 * @returns a function that runs the statement; its result is undefined if the caller's credential
 * is no longer valid.
 */
export function prepareQuestionStatement<Extra>(name: string, extra: SQL<Extra>, source = oneAccount) {
  const answers = answersTo(source);
  const byUser = prepared(`${name}_by_user`, (db) =>
    db.select({ scopes: scopesOfKey, answers, extra }).from(users).where(isValidCaller()),
  );
  const byPlatform = prepared(`${name}_by_platform`, (db) =>
    db.select({ scopes: platformKeys.scopes, answers, extra }).from(platformKeys).where(isCallingPlatform()),
  );
  return async (
    db: Db,
    caller: Caller,
    accountId: AccountId | null,
    questions: readonly AccountQuestion[],
    values: Record<string, unknown> = {},
  ) => {
    const parameters = { ...callerValues(caller), accountId, ...toLists(questions), ...values };
    const isPlatform = caller.apiKey?.kind === 'platform';
    const rows = isPlatform ? byPlatform(db).execute(parameters) : byUser(db).execute(parameters);
    const found = await markVerified<{ scopes: string[] | null; answers: Answer[] | null; extra: unknown }>(
      caller,
      rows.then(([row]) => row),
    );
    return found && { scopes: found.scopes, answers: found.answers ?? [], extra: found.extra as Extra };
  };
}

/**
 * Answers questions about one account, in their order, and reads what the caller's key covers: for
 * an account key, the permissions that its scopes cover (null for everything); for a platform key,
 * its scopes. Undefined if the caller's credential is no longer valid. One statement, however many
 * questions.
 */
export const answerQuestions = prepareQuestionStatement('answer', sql<null>`null`);

const answerAboutSeveralAccounts = prepareQuestionStatement('answer_of_any_accounts', sql<null>`null`, severalAccounts);

/** Like `answerQuestions`, for questions about several accounts. Citus can't plan the statement. */
export const answerAcrossAccounts = (db: Db, caller: Caller, questions: readonly Question[]) =>
  answerAboutSeveralAccounts(db, caller, null, questions, {
    accounts: questions.map((it) => uuidOf('acc', it.accountId)),
  });

type AccountQuestion = Omit<Question, 'accountId'>;

function toLists(questions: readonly AccountQuestion[]) {
  return {
    ids: questions.map(({ subject }) => ('id' in subject ? uuidOf('usr', subject.id) : null)),
    emails: questions.map(({ subject }) => ('email' in subject ? subject.email : null)),
    externalIds: questions.map(({ subject }) => ('externalId' in subject ? subject.externalId : null)),
    permissions: questions.map((it) => it.permission),
    types: questions.map((it) => it.resource?.type ?? null),
    resources: questions.map((it) => it.resource?.id ?? null),
    properties: questions.map((it) => JSON.stringify(it.properties)),
  };
}
