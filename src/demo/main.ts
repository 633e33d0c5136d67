/** Program: walks the story of the product against a running service, and prints each step. */
import { walk } from './story.ts';

const [base = 'http://localhost:3000', ...rest] = process.argv.slice(2);

if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol) || rest.length > 0) {
  fail('Usage: npm run demo -- [base URL of a running service (default: http://localhost:3000)]');
} else {
  await walk(new URL(base).origin, (text) => process.stdout.write(text)).then(end, (error: Error) =>
    fail(error.message),
  );
}

function end(steps: number): void {
  const { origin } = new URL(base);
  process.stdout.write(
    `\nThat is Usher. All ${steps} steps gave the expected answers.\nTry the calls yourself at ${origin}/docs, and read the mails at ${origin}/dev/mailbox\n`,
  );
}

function fail(message: string): void {
  process.stderr.write(`\nThe demo stopped. ${message}\n`);
  process.exitCode = 1;
}
