/** One way of saying no: its status, its short text, and what someone who met it wants to know. */
export interface ProblemKind {
  status: number;
  title: string;
  about: string;
}
