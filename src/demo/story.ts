import { newcomerChapter } from './chapters/newcomer.ts';
import { ownerChapter } from './chapters/owner.ts';
import { partnerChapter } from './chapters/partner.ts';
import { userManagementChapter } from './chapters/user-management.ts';
import { requireService } from './support/mailbox.ts';
import { createNarrator, type Person, type Print } from './support/narrator.ts';
import type { Story } from './support/story.ts';

/**
 * Walks the whole story over HTTP.
 * @returns the number of steps.
 * @throws DemoError at the first unexpected answer.
 */
export async function walk(base: string, print: Print): Promise<number> {
  await requireService(base);
  const narrator = createNarrator(base, print);
  const people = newPeople();
  const account = await ownerChapter({ base, narrator, ...people });
  const story: Story = { base, narrator, ...people, account, accountUrl: `/v1/accounts/${account.id}` };
  await newcomerChapter(story);
  await partnerChapter(story);
  await userManagementChapter(story);
  return narrator.countSteps();
}

/** Three people with new addresses, so that the demo can run several times on one database. */
function newPeople() {
  const run = Date.now().toString(36);
  const person = (name: string, user: string): Person => ({
    name,
    email: `${user}-${run}@example.com`,
    password: `${user} likes long passwords`,
  });
  return {
    olivia: person('Olivia Owner', 'olivia'),
    adam: person('Adam Accountant', 'adam'),
    paula: person('Paula Partner', 'paula'),
  };
}
