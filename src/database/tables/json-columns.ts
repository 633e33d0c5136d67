// The types of JSON columns.

/** The texts of a permission in one language. The default is the catalogue's own text. */
export interface PermissionText {
  title?: string;
  description?: string;
  group?: string;
}

/** By language tag (RFC 5646). */
export type Translations = Record<string, PermissionText>;

/**
 * Properties of the subject, action and resource that a check must name, with these values, for a
 * grant to apply.
 */
export interface Condition {
  subject?: Record<string, unknown>;
  action?: Record<string, unknown>;
  resource?: Record<string, unknown>;
}
