// What the columns of JSON hold.

/** Words of a permission in one language. Where one is missing, the catalogue's own is shown. */
export interface PermissionText {
  title?: string;
  description?: string;
  group?: string;
}

/** By language tag (RFC 5646). */
export type Translations = Record<string, PermissionText>;

/** Properties that a question must name for a grant to count, and with which values: of its subject, its action and its resource. */
export interface Condition {
  subject?: Record<string, unknown>;
  action?: Record<string, unknown>;
  resource?: Record<string, unknown>;
}
