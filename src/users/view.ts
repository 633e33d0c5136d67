import type { UserRow } from './store.ts';

/** The API representation of a user. */
export const toUserView = ({ id, email, name, createdAt, passwordHash }: UserRow) => ({
  id,
  email,
  name,
  hasPassword: passwordHash !== null,
  createdAt,
});
