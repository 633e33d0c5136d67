import type { FastifyRequest } from 'fastify';
import { isVerified } from '../credentials/verification.ts';
import type { Problem, ProblemCode } from '../problems/problem.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { LogSecurityEvent, SecurityEvent } from '../telemetry/security-events.ts';
import { networkOf } from './network.ts';

/** Matches the events that are refusals. */
const refusals = /_(fail|invalid|reuse|exceeded)$/;

/**
 * Logs the security events of a request: one line of JSON each, with the event, its outcome, the
 * caller and the network. Pino adds the time and the request's id. The caller is logged only if the
 * credential is verified.
 */
export function securityEventLogger(
  request: FastifyRequest,
  metrics: Pick<Metrics, 'countSecurityEvent'>,
): LogSecurityEvent {
  return (event, details = {}) => {
    const isRefusal = refusals.test(event);
    const caller = request.optionalCaller;
    const verified = caller && isVerified(caller) ? caller : undefined;
    const line = {
      event,
      outcome: isRefusal ? 'refused' : 'success',
      network: networkOf(request.ip),
      method: request.method,
      route: request.routeOptions.url,
      userId: verified?.userId,
      sessionId: verified?.sessionId ?? undefined,
      identityId: verified?.identityId ?? undefined,
      keyId: verified?.apiKey?.id,
      ...details,
    };
    metrics.countSecurityEvent(event, line.outcome);
    request.log[isRefusal ? 'warn' : 'info'](line, 'security');
  };
}

/** The security event of each problem. Other problems are not security events. */
const events: Partial<Record<ProblemCode, SecurityEvent>> = {
  'wrong-credentials': 'authn_login_fail',
  'password-wrong': 'authn_login_fail',
  'user-disabled': 'authn_login_fail',
  'identity-not-linked': 'authn_login_fail',
  'password-login-off': 'authn_login_fail',
  unauthenticated: 'authn_token_invalid',
  'invite-token-invalid': 'authn_token_invalid',
  'verification-token-invalid': 'authn_token_invalid',
  'password-reset-token-invalid': 'authn_token_invalid',
  'email-change-token-invalid': 'authn_token_invalid',
  'opt-out-token-invalid': 'authn_token_invalid',
  'webhook-signature-invalid': 'authn_token_invalid',
  'report-token-invalid': 'authn_token_invalid',
  'permission-missing': 'authz_fail',
  'cannot-grant': 'authz_fail',
  'user-required': 'authz_fail',
  'platform-key-required': 'authz_fail',
  'audience-not-allowed': 'authz_fail',
  'owner-protected': 'authz_fail',
  'inviter-cannot-grant': 'authz_fail',
  'invite-for-another-address': 'authz_fail',
  'not-found': 'authz_fail',
  'too-many-requests': 'excess_rate_limit_exceeded',
  'invalid-request': 'input_validation_fail',
  'too-large': 'input_validation_fail',
  'unsupported-media-type': 'input_validation_fail',
};

/**
 * Logs a refusal if it is a security event. A 404 for an anonymous request and a 401 for a request
 * without a credential are not.
 */
export function logRefusal(request: FastifyRequest, { code, extensions, logDetails }: Problem): void {
  const { event = events[code], ...details } = logDetails;
  if (event === undefined) return;
  if (code === 'not-found' && !request.optionalCaller) return;
  if (code === 'unauthenticated' && request.headers.authorization === undefined && !request.body) return;
  request.requestContext.logSecurityEvent(event, { code, permission: extensions.permission, ...details });
}
