/**
 * Runs tap with the given arguments, and then says how many tests were skipped because they need
 * Postgres. Exits as tap does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

// Where tap keeps the output of each test file. What earlier runs left there would be counted too.
const results = '.tap/test-results';
rmSync(results, { recursive: true, force: true });

const tap = spawn('tap', process.argv.slice(2), { stdio: 'inherit' });
// The terminal interrupts tap as well: it ends its tests, and this waits for it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => tap.kill('SIGTERM'));
const [code] = await once(tap, 'close');
process.exitCode = code ?? 1;

// A skipped test may contain others, which are not known unless it runs.
const untried = outputs(results).reduce(
  (sum, it) => sum + (it.match(/^ *ok .*# SKIP needs Postgres/gm) ?? []).length,
  0,
);
if (untried > 0) {
  const what = untried === 1 ? 'promise was' : 'promises were';
  process.stdout.write(`\nAt least ${untried} ${what} not tried: they need Postgres. Set TEST_DATABASE_URL.\n`);
}

function outputs(folder) {
  try {
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((it) => it.isFile());
    return files.map((it) => readFileSync(join(it.parentPath, it.name), 'utf8'));
  } catch (error) {
    // tap stopped before it ran a file.
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}
