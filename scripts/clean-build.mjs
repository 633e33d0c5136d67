/** Removes the build of the tests, so that tests of deleted files do not run: tsc keeps their output. */
import { rmSync } from 'node:fs';

rmSync('build', { recursive: true, force: true });
