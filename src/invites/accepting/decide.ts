import { newId, type UserId } from '../../ids/ids.ts';
import { combineAccess } from '../../permissions/resolve-access.ts';
import { requireInviterCanGrant } from '../../permissions/rules.ts';
import { Problem } from '../../problems/problem.ts';
import { sessionEnded } from '../../users/require-user.ts';
import type { UserRow } from '../../users/store.ts';
import { requireAddressee, requireOwnedByPlatform } from '../rules.ts';
import type { Acceptance, Facts, NewMember } from './accept-store.ts';
import { type OpenedLink, requireLive } from './open-link.ts';

/** An accept that passed all rules, and the membership to create. */
export interface Decision {
  facts: Facts;
  user: UserRow;
  member: NewMember;
}

export interface DecideOptions {
  /** undefined if the invite is accepted by its id, not by its link. */
  link: OpenedLink | undefined;
  /** The user to create by accepting, if the invitee registers. */
  newUser: UserRow | undefined;
  now: Date;
}

/**
 * Applies the rules of an accept, in order.
 * @throws invite-token-invalid, unauthenticated, user-disabled, the problems of `requireLive`,
 * invite-for-another-address, already-member, inviter-cannot-grant.
 */
export function decide(
  facts: Facts | undefined,
  acceptance: Acceptance,
  { link, newUser, now }: DecideOptions,
): Decision {
  if (!facts) throw new Problem('invite-token-invalid');
  const { account, invite, existingAccess, inviterAccess, isMember } = facts;
  const user = newUser ?? facts.invitee;
  if (!user) throw acceptance.isVerified ? userDisabled(acceptance.userId) : sessionEnded();
  requireLive(invite, link, now);
  requireAddressee(invite, account, user);
  if (isMember) throw new Problem('already-member');
  requireInviterCanGrant(inviterAccess, combineAccess(invite, existingAccess));
  requireOwnedByPlatform(account, invite);
  const { accountId, allPermissions, permissions, endsAt, invitedBy } = invite;
  const access = { allPermissions, permissions, roles: existingAccess.roles.map((it) => it.id), endsAt };
  return {
    facts,
    user,
    member: { accountId, userId: user.id, id: newId('mem'), ...access, invitedBy, createdAt: now },
  };
}

const userDisabled = (userId: UserId) => new Problem('user-disabled', undefined, {}, { userId });
