import { inLockQueue } from '../../database/lock-queue.ts';
import type { SessionId } from '../../ids.ts';
import { Problem } from '../../problems.ts';
import type { Caller, Service } from '../../service.ts';
import { credentialId, requireUser } from './session.ts';
import { markSessionEnded, markSessionsEnded } from './store.ts';

/** Ends one session of the caller's, this one too. @throws not-found where they have none with this id. */
export async function endSession({ db }: Service, caller: Caller, sessionId: SessionId): Promise<void> {
  const user = await requireUser(db, caller);
  const end = () => markSessionEnded(db, user.id, sessionId, caller.now);
  if (!(await inLockQueue(db, user.id, end, credentialId(caller)))) throw new Problem('not-found');
  caller.audit('authn_token_revoked', { sessionId });
}

/** Ends every session of the caller's but this one. */
export async function endOtherSessions({ db }: Service, caller: Caller): Promise<void> {
  const user = await requireUser(db, caller);
  const end = () => markSessionsEnded(db, user.id, caller.now, caller.sessionId ?? undefined);
  const sessions = await inLockQueue(db, user.id, end, credentialId(caller));
  caller.audit('authn_token_revoked', { sessions });
}
