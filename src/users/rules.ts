import type { Config } from '../config/config.ts';
import { Problem } from '../problems/problem.ts';

/** @throws password-login-off if users log in at identity providers only. */
export function requirePasswordLogin({ passwordLogin }: Pick<Config, 'passwordLogin'>): void {
  if (!passwordLogin) throw new Problem('password-login-off');
}

/**
 * Call this only after the user has authenticated: others must not learn that the user exists.
 * @throws user-disabled.
 */
export function requireEnabled(user: { id: Problem['logDetails']['userId']; disabledAt: Date | null }): void {
  if (user.disabledAt) throw new Problem('user-disabled', undefined, {}, { userId: user.id });
}
