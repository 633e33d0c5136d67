import type { Account } from './answers.ts';
import type { createNarrator, Person } from './narrator.ts';

/** What the chapters share: the people and the account. */
export interface Story {
  base: string;
  narrator: ReturnType<typeof createNarrator>;
  olivia: Person;
  adam: Person;
  paula: Person;
  /** The path of the account in the API. */
  accountUrl: string;
  account: Account;
}
