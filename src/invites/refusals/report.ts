import type { RequestContext } from '../../credentials/caller.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { lockAccountAndInvite } from '../invitee-store.ts';
import { verifyReportToken } from '../token.ts';
import { refuseFurther } from './opt-out.ts';
import { insertReport } from './report-store.ts';

/**
 * Takes someone at their word who says that they don't know who invites them: keeps the report for the operator, and lets the
 * account invite them no more. Any mail of the invite will do, and it may be decided already; doing it again changes nothing.
 * The account is told no more than that they opted out: whoever reports someone need not fear them.
 * @throws report-token-invalid.
 */
export async function reportInvite(
  { db, ...service }: Service,
  { token }: { token: string },
  requestContext: RequestContext,
) {
  const link = await verifyReportToken(service, token, requestContext.now);
  if (!link) throw new Problem('report-token-invalid');
  const work = () =>
    transaction(db, async (tx) => {
      const held = await lockAccountAndInvite(tx, link.accountId, link.inviteId);
      if (!held) throw new Problem('report-token-invalid');
      const isNew = await insertReport(tx, held.invite, requestContext.now);
      await refuseFurther(tx, held, requestContext.now);
      return { ...held, isNew };
    });
  const { account, invite, isNew } = await inLockQueue(db, link.accountId, work);
  if (isNew) {
    requestContext.logSecurityEvent('invite_reported', {
      inviterId: invite.invitedBy,
      accountId: account.id,
      inviteId: invite.id,
    });
  }
  return { account, email: invite.email };
}
