/** Removes the build of the tests: tsc keeps the output of deleted tests, which would still run. */
import { rmSync } from 'node:fs';

rmSync('build', { recursive: true, force: true });
