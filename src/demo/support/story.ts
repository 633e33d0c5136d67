import type { Account } from './answers.ts';
import type { createTeller, Person } from './teller.ts';

/** What the chapters share: who is in the story, and the account that it is about. */
export interface Story {
  base: string;
  teller: ReturnType<typeof createTeller>;
  olivia: Person;
  adam: Person;
  paula: Person;
  /** The address of the account in the API, once it is made. */
  accountUrl: string;
  account: Account;
}
