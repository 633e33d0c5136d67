import type { Translations } from '../database/tables/json-columns.ts';

/** A permission as the operator declares it, with texts for the check-boxes of a frontend. */
export interface PermissionDeclaration {
  /** `resource:action`. */
  key: string;
  title: string;
  description: string;
  group: string;
  /** Permissions that come with it; for example, managing implies viewing. */
  implies?: string[];
  translations?: Translations;
}
