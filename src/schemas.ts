import type { TSchema } from 'typebox';
import * as keys from './access/api-keys/schemas.ts';
import * as authzen from './access/authzen/schemas.ts';
import * as catalogue from './access/catalogue/schemas.ts';
import * as checks from './access/checks/schemas.ts';
import * as grants from './access/grants/schemas.ts';
import * as resources from './access/resources/schemas.ts';
import * as roles from './access/roles/schemas.ts';
import * as accounts from './accounts/schemas.ts';
import { Alive, Ready } from './http/health.ts';
import { ProblemPage } from './http/problem-pages.ts';
import { ProblemDocument } from './http/problem-schemas.ts';
import * as deliveries from './invites/deliveries/schemas.ts';
import * as refusals from './invites/refusals/schemas.ts';
import * as invites from './invites/schemas.ts';
import * as memberships from './memberships/schemas.ts';
import * as ownership from './ownership/schemas.ts';
import * as permissions from './permissions/schemas.ts';
import * as platform from './platform/schemas.ts';
import * as tokens from './tokens/schemas.ts';
import * as users from './users/schemas.ts';

const modules = [
  users,
  permissions,
  catalogue,
  accounts,
  memberships,
  deliveries,
  invites,
  refusals,
  ownership,
  roles,
  grants,
  resources,
  keys,
  checks,
  authzen,
  platform,
  tokens,
  { ProblemDocument, ProblemPage, Alive, Ready },
];

/**
 * Every schema with an `$id`. Each is in the OpenAPI document once, and is referenced by its `$id`.
 */
export const schemas = modules
  .flatMap((module) => Object.values(module as Record<string, unknown>))
  .filter((it): it is TSchema => typeof (it as { $id?: unknown }).$id === 'string');
