import { bestLocale } from '../mail/locale.ts';
import type { DescribedPermission } from './store.ts';

/** A permission as the API shows it, in its own words. */
export function toPermissionView({ key, title, description, group, implies, translations, own }: DescribedPermission) {
  return { key, title, description, group, implies, translations, own };
}

/** The same in the first of some languages that it has words in; a word that is missing there stays as it is. */
export function translatePermission(row: DescribedPermission, locales: readonly (string | null | undefined)[]) {
  const byTag = new Map(Object.entries(row.translations).map(([tag, words]) => [tag.toLowerCase(), words]));
  const words = byTag.get(bestLocale(locales, new Set(byTag.keys())));
  return { ...toPermissionView(row), ...words };
}
