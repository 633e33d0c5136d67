/** The folder of the project: the tests run in it, and from a build of their own, which is elsewhere. */
export const root = process.cwd();
