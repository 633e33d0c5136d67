import type { Config } from '../config/config.ts';
import { Problem } from '../problems/problem.ts';

/** @throws password-login-off where people log in at an identity provider alone. */
export function requirePasswordLogin({ passwordLogin }: Pick<Config, 'passwordLogin'>): void {
  if (!passwordLogin) throw new Problem('password-login-off');
}

/** @throws user-disabled where an operator keeps someone out. Ask it after they have proven who they are, and not before. */
export function requireEnabled(user: { id: Problem['logDetails']['userId']; disabledAt: Date | null }): void {
  if (user.disabledAt) throw new Problem('user-disabled', undefined, {}, { userId: user.id });
}
