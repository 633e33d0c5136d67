import type { Caller } from '../../credentials/caller.ts';
import type { SessionId } from '../../ids/ids.ts';
import { Problem } from '../../problems/problem.ts';
import type { Service } from '../../service.ts';
import { changeOwnLogin } from '../require-user.ts';
import { markSessionEnded, markSessionsEnded } from './store.ts';

/** Ends one session of the caller's user. @throws not-found, unauthenticated, user-required. */
export async function endSession({ db }: Service, caller: Caller, sessionId: SessionId): Promise<void> {
  await changeOwnLogin(db, caller, async (tx, { id }) => {
    if (!(await markSessionEnded(tx, id, sessionId, caller.now))) throw new Problem('not-found');
  });
  caller.logSecurityEvent('authn_token_revoked', { sessionId });
}

/** Ends all other sessions of the caller's user. @throws unauthenticated, user-required. */
export async function endOtherSessions({ db }: Service, caller: Caller): Promise<void> {
  const sessions = await changeOwnLogin(db, caller, (tx, { id }) =>
    markSessionsEnded(tx, id, caller.now, caller.sessionId ?? undefined),
  );
  caller.logSecurityEvent('authn_token_revoked', { sessions });
}
