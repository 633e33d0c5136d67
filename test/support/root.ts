/** The folder of the project. The tests run in it, but their build is in a subfolder. */
export const root = process.cwd();
