import type { Translations } from '../database/tables/json-columns.ts';

/** A permission as it is declared, with words for a frontend that draws the check-boxes. */
export interface PermissionDeclaration {
  /** `resource:action`. */
  key: string;
  title: string;
  description: string;
  group: string;
  /** What comes with it: managing implies viewing. */
  implies?: string[];
  translations?: Translations;
}
