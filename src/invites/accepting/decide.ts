import { newId, type UserId } from '../../ids/ids.ts';
import { combineAccess } from '../../permissions/resolve-access.ts';
import { requireInviterCanGrant } from '../../permissions/rules.ts';
import { Problem } from '../../problems/problem.ts';
import { sessionEnded } from '../../users/sessions/session.ts';
import type { UserRow } from '../../users/store.ts';
import { requireAddressee, requireKeptByPlatform } from '../rules.ts';
import type { Acceptance, Facts, NewMember } from './accept-store.ts';
import { type OpenedLink, requireLive } from './open-link.ts';

/** An accept that no rule refuses, and the membership that it makes. */
export interface Decision {
  facts: Facts;
  user: UserRow;
  member: NewMember;
}

/** How an invite is accepted. */
export interface Way {
  /** The link that the invitee follows; undefined if they name the invite by its id. */
  link: OpenedLink | undefined;
  /** A user who is created by accepting. */
  newUser: UserRow | undefined;
  now: Date;
}

/**
 * The rules of an accept, in order.
 * @throws invite-token-invalid, unauthenticated, user-disabled, the problems that name why the
 * invite is dead, invite-for-another-address, already-member, inviter-cannot-grant.
 */
export function decide(facts: Facts | undefined, acceptance: Acceptance, { link, newUser, now }: Way): Decision {
  if (!facts) throw new Problem('invite-token-invalid');
  const { account, invite, given, inviterAccess, isMember } = facts;
  const user = newUser ?? facts.invitee;
  if (!user) throw acceptance.isVerified ? disabled(acceptance.userId) : sessionEnded();
  requireLive(invite, link, now);
  requireAddressee(invite, account, user);
  if (isMember) throw new Problem('already-member');
  requireInviterCanGrant(inviterAccess, combineAccess(invite, given));
  requireKeptByPlatform(account, invite);
  const { accountId, allPermissions, permissions, endsAt, invitedBy } = invite;
  const access = { allPermissions, permissions, roles: given.roles.map((it) => it.id), endsAt };
  return {
    facts,
    user,
    member: { accountId, userId: user.id, id: newId('mem'), ...access, invitedBy, createdAt: now },
  };
}

const disabled = (userId: UserId) => new Problem('user-disabled', undefined, {}, { userId });
