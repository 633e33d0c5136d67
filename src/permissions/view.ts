import { bestLocale } from '../mail/locale.ts';
import type { DescribedPermission } from './store.ts';

/** A permission as the API shows it, with the texts of its declaration. */
export function toPermissionView({ key, title, description, group, implies, translations, own }: DescribedPermission) {
  return { key, title, description, group, implies, translations, own };
}

/**
 * A permission as the API shows it, in a language.
 * @param locales language tags in order of preference. The first with a translation is used; texts
 * that it does not have stay untranslated.
 */
export function translatePermission(row: DescribedPermission, locales: readonly (string | null | undefined)[]) {
  const byTag = new Map(Object.entries(row.translations).map(([tag, texts]) => [tag.toLowerCase(), texts]));
  const texts = byTag.get(bestLocale(locales, new Set(byTag.keys())));
  return { ...toPermissionView(row), ...texts };
}
