import type { UserRow } from './store.ts';

/** A user as the API shows them. */
export const toUserView = ({ id, email, name, createdAt, passwordHash }: UserRow) => ({
  id,
  email,
  name,
  hasPassword: passwordHash !== null,
  createdAt,
});
