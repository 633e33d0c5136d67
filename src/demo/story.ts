import { theNewcomer } from './chapters/newcomer.ts';
import { theOwner } from './chapters/owner.ts';
import { thePartner } from './chapters/partner.ts';
import { userManagement } from './chapters/user-management.ts';
import { requireService } from './support/mailbox.ts';
import type { Story } from './support/story.ts';
import { createTeller, type Person, type Print } from './support/teller.ts';

/** Walks the whole story over HTTP. @returns how many steps it took. @throws Surprise at the first that is not as expected. */
export async function walk(base: string, print: Print): Promise<number> {
  await requireService(base);
  const teller = createTeller(base, print);
  const people = newPeople();
  const account = await theOwner({ base, teller, ...people });
  const story: Story = { base, teller, ...people, account, accountUrl: `/v1/accounts/${account.id}` };
  await theNewcomer(story);
  await thePartner(story);
  await userManagement(story);
  return teller.steps();
}

/** Three people with addresses that nobody had before, so that the story can be told again on the same database. */
function newPeople() {
  const run = Date.now().toString(36);
  const person = (name: string, key: string): Person => ({
    name,
    email: `${key}-${run}@example.com`,
    password: `${key} likes long passwords`,
  });
  return {
    olivia: person('Olivia Owner', 'olivia'),
    adam: person('Adam Accountant', 'adam'),
    paula: person('Paula Partner', 'paula'),
  };
}
