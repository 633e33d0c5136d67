import type { TSchema } from 'typebox';
import * as accounts from './accounts/schemas.ts';
import * as deliveries from './deliveries/schemas.ts';
import { Alive, Ready } from './http/health.ts';
import { ProblemPage } from './http/problem-pages.ts';
import { ProblemDocument } from './http/problem-schemas.ts';
import * as invites from './invites/schemas.ts';
import * as memberships from './memberships/schemas.ts';
import * as ownership from './ownership/schemas.ts';
import * as permissions from './permissions/schemas.ts';
import * as tokens from './tokens/schemas.ts';
import * as users from './users/schemas.ts';

const rooms = [
  users,
  permissions,
  accounts,
  memberships,
  deliveries,
  invites,
  ownership,
  tokens,
  { ProblemDocument, ProblemPage, Alive, Ready },
];

/** Every schema that has a name, and so stands in the OpenAPI document once and is referred to by it. */
export const schemas = rooms
  .flatMap((room) => Object.values(room as Record<string, unknown>))
  .filter((it): it is TSchema => typeof (it as { $id?: unknown }).$id === 'string');
