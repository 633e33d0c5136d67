import type { Condition } from '../../database/tables/json-columns.ts';
import type { AccountId, UserId } from '../../ids/ids.ts';

/** Who is asked about: a user by id, by verified address, or by the external id that the platform gave them. */
export type Subject = { id: UserId } | { email: string } | { externalId: string };

/** May this person do this, in this account, on this resource? */
export interface Question {
  accountId: AccountId;
  subject: Subject;
  /** A key of the catalogue. One that it does not have is allowed to nobody. */
  permission: string;
  /** Null: in the whole account. */
  resource: { type: string; id: string } | null;
  /** What whoever asks says of subject, action and resource, for grants on a condition. */
  properties: Condition;
}

/** What came of a question. */
export interface Answer {
  /** Whether there is such an account. */
  isAccount: boolean;
  /** Whether the person is in it: neither suspended nor disabled, and their time not over. */
  isMember: boolean;
  isAllowed: boolean;
}
