/** One kind of problem: its status, its title, and an explanation with what to do about it. */
export interface ProblemKind {
  status: number;
  title: string;
  about: string;
}
