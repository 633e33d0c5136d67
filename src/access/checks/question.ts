import type { Condition } from '../../database/tables/json-columns.ts';
import type { AccountId, UserId } from '../../ids/ids.ts';

/**
 * The user that a question is about: by id, by verified address, or by the platform's external id.
 */
export type Subject = { id: UserId } | { email: string } | { externalId: string };

/** Whether a user has a permission in an account, or on a resource in it. */
export interface Question {
  accountId: AccountId;
  subject: Subject;
  /** A key of the catalogue. A permission that is not in the catalogue is always denied. */
  permission: string;
  /** Null for the whole account. */
  resource: { type: string; id: string } | null;
  /**
   * Properties of subject, action and resource, as the caller states them, for conditional grants.
   */
  properties: Condition;
}

export interface Answer {
  /** Whether the account exists. */
  isAccount: boolean;
  /** Whether the user is an active member of the account. */
  isMember: boolean;
  isAllowed: boolean;
}
