import { type SQL, sql } from 'drizzle-orm';
import { isCallingPlatform, scopesOfKey } from '../../accounts/store.ts';
import type { Caller } from '../../credentials/caller.ts';
import { isValidCaller, valuesOfCaller } from '../../credentials/store.ts';
import { markVerified } from '../../credentials/verification.ts';
import type { Db } from '../../database/database.ts';
import { accounts, memberships, platformKeys, users } from '../../database/schema.ts';
import { listPlaceholder as list, placeholderFor, prepared } from '../../database/statements.ts';
import { type AccountId, uuidOf } from '../../ids/ids.ts';
import { isAllowed } from '../../permissions/effective-access.ts';
import { membershipOf, userNamed } from './decision-store.ts';
import type { Answer, Question } from './question.ts';

export const atNow = sql`${placeholderFor(memberships.endsAt, 'now')}::timestamptz`;

/** The account that the questions are about. */
export const account = sql`${placeholderFor(accounts.id, 'accountId')}::uuid`;

/** Questions are parallel lists, so that one statement answers any number of them. */
const lists = sql`${list('ids', 'uuid')}, ${list('emails', 'text')}, ${list('externalIds', 'text')},
  ${list('permissions', 'text')}, ${list('types', 'text')}, ${list('resources', 'text')}, ${list('properties', 'jsonb')}`;
const columns = sql`user_id, email, external_id, permission, resource_type, resource_id, properties, place`;

/** Questions, and the account of each: a parameter, or one of their columns. */
interface Subject {
  account: SQL;
  questions: SQL;
}
const ofOneAccount: Subject = { account, questions: sql`unnest(${lists}) with ordinality as q(${columns})` };
const ofAnyAccounts: Subject = {
  account: sql`q.account_id`,
  questions: sql`unnest(${list('accounts', 'uuid')}, ${lists}) with ordinality as q(account_id, ${columns})`,
};

const answersTo = ({ account, questions }: Subject) => sql<Answer[]>`(
  select jsonb_agg(jsonb_build_object('isAccount', a.id is not null, 'isMember', m.user_id is not null, 'isAllowed', ${isAllowed(account, atNow)}) order by q.place)
  from ${questions}
  left join lateral ${userNamed(sql`q.user_id`, sql`q.email`, sql`q.external_id`)} u on true
  ${membershipOf(account, sql`u.id`, atNow)}
  left join permissions p on p.key = q.permission)`;

/**
 * A statement that the caller asks: what their key is good for, the answers to questions, and more. It is prepared for either kind
 * of caller, and answers nothing to one who stands no more.
 * @param name unique in the service.
 */
export function asked<More>(name: string, more: SQL<More>, about: Subject = ofOneAccount) {
  const answers = answersTo(about);
  const byUser = prepared(`${name}_by_user`, (db) =>
    db.select({ scopes: scopesOfKey, answers, more }).from(users).where(isValidCaller()),
  );
  const byPlatform = prepared(`${name}_by_platform`, (db) =>
    db.select({ scopes: platformKeys.scopes, answers, more }).from(platformKeys).where(isCallingPlatform()),
  );
  return async (
    db: Db,
    caller: Caller,
    accountId: AccountId | null,
    questions: readonly Asked[],
    values: Record<string, unknown> = {},
  ) => {
    const given = { ...valuesOfCaller(caller), accountId, ...listsOf(questions), ...values };
    const isPlatform = caller.apiKey?.kind === 'platform';
    const rows = isPlatform ? byPlatform(db).execute(given) : byUser(db).execute(given);
    const found = await markVerified<{ scopes: string[] | null; answers: Answer[] | null; more: unknown }>(
      caller,
      rows.then(([row]) => row),
    );
    return found && { scopes: found.scopes, answers: found.answers ?? [], more: found.more as More };
  };
}

/**
 * Answers questions about one account, in their order, and what the caller's key may do: for an
 * account key, what its scopes cover (null for everything); for a platform key, its scopes.
 * Undefined if the caller's credential is not valid any more. One statement, however many
 * questions.
 */
export const answerQuestions = asked('answer', sql<null>`null`);

const answerOfAnyAccounts = asked('answer_of_any_accounts', sql<null>`null`, ofAnyAccounts);

/** The same for questions about several accounts, in one statement. Citus can't plan it. */
export const answerAcrossAccounts = (db: Db, caller: Caller, questions: readonly Question[]) =>
  answerOfAnyAccounts(db, caller, null, questions, { accounts: questions.map((it) => uuidOf('acc', it.accountId)) });

/** A question without its account. */
type Asked = Omit<Question, 'accountId'>;

function listsOf(asked: readonly Asked[]) {
  return {
    ids: asked.map(({ subject }) => ('id' in subject ? uuidOf('usr', subject.id) : null)),
    emails: asked.map(({ subject }) => ('email' in subject ? subject.email : null)),
    externalIds: asked.map(({ subject }) => ('externalId' in subject ? subject.externalId : null)),
    permissions: asked.map((it) => it.permission),
    types: asked.map((it) => it.resource?.type ?? null),
    resources: asked.map((it) => it.resource?.id ?? null),
    properties: asked.map((it) => JSON.stringify(it.properties)),
  };
}
