/** A program of its own: walks the story of the product against a running service, and says what it does as it goes. */
import { walk } from './story.ts';

const [base = 'http://localhost:3000', ...rest] = process.argv.slice(2);

if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol) || rest.length > 0) {
  fail('Usage: npm run demo -- [the base URL of a running service, http://localhost:3000 unless given]');
} else {
  await walk(new URL(base).origin, (text) => process.stdout.write(text)).then(end, (error: Error) =>
    fail(error.message),
  );
}

function end(steps: number): void {
  const { origin } = new URL(base);
  process.stdout.write(
    `\nThat is Usher: ${steps} steps, each as expected.\nTry every call yourself at ${origin}/docs, and see the mails at ${origin}/dev/mailbox\n`,
  );
}

function fail(message: string): void {
  process.stderr.write(`\nThe demo stops here. ${message}\n`);
  process.exitCode = 1;
}
