import type { RequestContext } from '../../credentials/caller.ts';
import { inLockQueue } from '../../database/lock-queue.ts';
import { transaction } from '../../database/transaction.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { lockAccountAndInvite } from '../invitee-store.ts';
import { verifyReportToken } from '../token.ts';
import { optOutAddress } from './opt-out.ts';
import { insertReport } from './report-store.ts';

/**
 * Records for the operator that an invitee reported an invite, and opts their address out. Works
 * with the link from any mail of the invite, whatever its status. Idempotent. The account sees the
 * opt-out but not the report, to protect the invitee.
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
      const locked = await lockAccountAndInvite(tx, link.accountId, link.inviteId);
      if (!locked) throw new Problem('report-token-invalid');
      const isNew = await insertReport(tx, locked.invite, requestContext.now);
      await optOutAddress(tx, locked, requestContext.now);
      return { ...locked, isNew };
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
