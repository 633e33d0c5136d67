/**
 * Runs tap with the given arguments, and then prints how many tests were skipped because they need
 * Postgres. Exits with the code of tap.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

// The folder of tap's output for each test file. Output of earlier runs would be counted too.
const results = '.tap/test-results';
rmSync(results, { recursive: true, force: true });

const tap = spawn('tap', process.argv.slice(2), { stdio: 'inherit' });
// The terminal interrupts tap as well, and this waits until tap has ended its tests.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => tap.kill('SIGTERM'));
const [code] = await once(tap, 'close');
process.exitCode = code ?? 1;

// A skipped test may contain more tests, which are unknown: so the message says "at least".
const skipped = readOutputs(results).reduce(
  (sum, it) => sum + (it.match(/^ *ok .*# SKIP needs Postgres/gm) ?? []).length,
  0,
);
if (skipped > 0) {
  const tests = skipped === 1 ? 'test was' : 'tests were';
  process.stdout.write(`\nAt least ${skipped} ${tests} skipped because Postgres is missing. Set TEST_DATABASE_URL.\n`);
}

function readOutputs(folder) {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
    return files.map((it) => readFileSync(join(it.parentPath, it.name), 'utf8'));
  } catch (error) {
    // tap stopped before it ran any file.
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
