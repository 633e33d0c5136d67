/** Removes the build of the tests. tsc keeps the output of deleted files, whose tests would run. */
import { rmSync } from 'node:fs';

rmSync('build', { recursive: true, force: true });
