import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { accountRoutes } from './accounts/routes.ts';
import { authzenRoutes } from './authzen/routes.ts';
import { catalogueRoutes } from './catalogue/routes.ts';
import { batchChecks } from './checks/batching.ts';
import { type CheckAll, checkAll } from './checks/check.ts';
import { checkRoutes } from './checks/routes.ts';
import type { Config } from './config.ts';
import { isProven } from './credential-proof.ts';
import type { Db } from './database/database.ts';
import { watchOutages } from './database/outages.ts';
import { deliveryRoutes } from './deliveries/routes.ts';
import { devRoutes } from './dev/routes.ts';
import { displayName } from './display-text.ts';
import { isEmailAddress } from './email-address.ts';
import { grantRoutes } from './grants/routes.ts';
import { type ProcessState, refuseWhenUnable } from './http/availability.ts';
import { takeJson } from './http/bodies.ts';
import { authenticateCallers } from './http/caller.ts';
import { closeUnfinished } from './http/connections.ts';
import { allowOrigins } from './http/cors.ts';
import { collectOpenApi, serveDocs } from './http/docs.ts';
import { healthRoutes } from './http/health.ts';
import { loggerOptions, logRequests, requestIdOf } from './http/logging.ts';
import { limitNetworks } from './http/network-limits.ts';
import { allowNoBody } from './http/optional-bodies.ts';
import { refuseMalformedHttp, renderProblems, sendProblem } from './http/problem-json.ts';
import { problemPages } from './http/problem-pages.ts';
import { addCommonProblems } from './http/problem-schemas.ts';
import { parseQuery } from './http/query-string.ts';
import { checkRequests } from './http/request-checks.ts';
import { securityHeaders } from './http/security-headers.ts';
import { serializerBuilder } from './http/serialization.ts';
import { answerUnrouted } from './http/unrouted.ts';
import { validatorBuilder } from './http/validation.ts';
import { recordVisits } from './http/visit.ts';
import { inviteDeliveryRoutes } from './invites/delivery-routes.ts';
import { inviteeRoutes } from './invites/invitee-routes.ts';
import { oneClickRoutes } from './invites/one-click-routes.ts';
import { optOutRoutes } from './invites/opt-out-routes.ts';
import { inviteRoutes } from './invites/routes.ts';
import { accountKeyRoutes } from './keys/account-routes.ts';
import { recordUse } from './keys/last-used.ts';
import { platformKeyRoutes } from './keys/platform-routes.ts';
import { createLimiter } from './limits/limits.ts';
import { openCounters } from './limits/open.ts';
import { membershipRoutes } from './memberships/routes.ts';
import { createMetrics } from './metrics/metrics.ts';
import { ownershipRoutes } from './ownership/routes.ts';
import { platformRoutes } from './platform/routes.ts';
import { Problem } from './problems.ts';
import { resourceRoutes } from './resources/routes.ts';
import { presetRoutes } from './roles/preset-routes.ts';
import { roleRoutes } from './roles/routes.ts';
import { schemas } from './schemas.ts';
import type { Service } from './service.ts';
import { accessTokens } from './tokens/access-token.ts';
import { deriveKeys } from './tokens/derived-keys.ts';
import { externalTokens } from './tokens/external-token.ts';
import type { SigningKeys } from './tokens/keys.ts';
import { tokenRoutes } from './tokens/routes.ts';
import { identifyCaller } from './users/identify.ts';
import { identityRoutes } from './users/identities/routes.ts';
import { createPasswords, type PasswordCost } from './users/passwords/hashing.ts';
import { passwordForm } from './users/passwords/normal-form.ts';
import { passwordRoutes } from './users/passwords/routes.ts';
import { userRoutes } from './users/routes.ts';
import { sessionRoutes } from './users/sessions/routes.ts';

export interface AppOptions {
  config: Config;
  db: Db;
  keys: SigningKeys;
  clock?: () => Date;
  /** How the process around it is doing, where that is not known to be well. */
  state?: ProcessState;
  /** Called after each request that may have promised a mail. */
  onChange?: () => void;
  /** What hashing a password costs, if not what is recommended. */
  passwordCost?: PasswordCost;
  /** Where log lines go, if not to standard output. */
  logTo?: { write(line: string): void };
}

/** Bytes. */
const bodyLimit = 64 * 1024;
/** Characters. Longer than any header may be, so that an overlong id is what it is: one that names nothing. */
const maxParamLength = 32 * 1024;
/** Milliseconds that a client may take to send a request. */
const requestTimeout = 30_000;

/** Whose word is taken on where a request comes from: nobody's, unless the operator names proxies. */
function trustOf({ trustProxy }: Config) {
  if (typeof trustProxy === 'number') return (_: string, hop: number) => hop < trustProxy;
  return trustProxy === undefined ? false : [...trustProxy];
}

const wellAtOnce: ProcessState = { phase: 'serving', isWorkerStuck: () => false };

/** What every answer carries. */
const commonHeaders = ({ id }: { id: string }) => ({
  'x-request-id': id,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
});

/** The service without a socket and without its mail worker: every part of it, in order. */
export async function buildApp(options: AppOptions) {
  const { config, db, keys, clock = () => new Date(), state = wellAtOnce, onChange, passwordCost, logTo } = options;
  const app = Fastify({
    logger: { ...loggerOptions(config.logLevel), ...(logTo && { stream: logTo }) },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    bodyLimit,
    requestTimeout,
    trustProxy: trustOf(config),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: refuseMalformedHttp,
    routerOptions: { maxParamLength, querystringParser: parseQuery },
    schemaController: {
      compilersFactory: {
        buildValidator: validatorBuilder(
          { email: isEmailAddress },
          { 'display-name': displayName, password: passwordForm },
        ) as never,
        buildSerializer: serializerBuilder(),
      },
    },
    frameworkErrors: (_, request, reply) =>
      void sendProblem(request, reply.headers(commonHeaders(request)), new Problem('invalid-request'), config.issuer),
  }).withTypeProvider<TypeBoxTypeProvider>();

  // The same app to those who add no route, and so need no types of bodies.
  const root = app as unknown as FastifyInstance;
  const counters = await openCounters(config, db, app.log);
  app.addHook('onClose', () => counters.close());
  const metrics = createMetrics();
  const service: Service = {
    config,
    db,
    outages: watchOutages(db, config.database.kind === 'embedded' ? config.database.dataDir : undefined, app.log),
    keys,
    clock,
    derivedKeys: deriveKeys(keys),
    passwords: await createPasswords(passwordCost),
    accessTokens: await accessTokens(root, keys, config.issuer),
    externalTokens: externalTokens(config.identityProviders),
    limiter: createLimiter(counters, config.rateLimits),
    metrics,
  };

  const unbatched: CheckAll = (caller, questions) => checkAll(db, caller, questions);
  const checks = config.checkBatching ? batchChecks(unbatched, metrics.observeCheckBatch) : unbatched;

  app.addHook('onClose', async () => service.outages.close());
  closeUnfinished(root);
  logRequests(root);
  root.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) =>
    metrics.countRequest(method, routeOptions.url, statusCode, elapsedTime),
  );
  takeJson(root);
  renderProblems(root, config.issuer, service.outages);
  answerUnrouted(root, config.issuer);
  recordVisits(root, service);
  const security = securityHeaders(config.issuer.startsWith('https:'));
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(security).headers(commonHeaders(request));
    done();
  });
  await allowOrigins(root, config.corsOrigins);
  await refuseWhenUnable(root, state, config.eventLoopLagMax);
  await limitNetworks(root, { counters, limits: config.rateLimits, clock });
  authenticateCallers(root, identifyCaller(service));
  app.addHook('onRoute', addCommonProblems);
  allowNoBody(root);
  checkRequests(root);
  const recordKeyUse = recordUse(db);
  app.addHook('onResponse', async ({ optionalCaller }) => {
    if (optionalCaller?.key && isProven(optionalCaller)) await recordKeyUse(optionalCaller);
  });
  if (onChange) app.addHook('onResponse', async ({ method }) => void (method !== 'GET' && onChange()));

  await collectOpenApi(root);
  for (const schema of schemas) app.addSchema(schema);

  await app.register(userRoutes, { service });
  await app.register(sessionRoutes, { service });
  await app.register(passwordRoutes, { service });
  await app.register(identityRoutes, { service });
  await app.register(accountRoutes, { service });
  await app.register(catalogueRoutes, { service });
  await app.register(roleRoutes, { service });
  await app.register(presetRoutes, { service });
  await app.register(inviteRoutes, { service });
  await app.register(inviteDeliveryRoutes, { service });
  await app.register(inviteeRoutes, { service });
  await app.register(optOutRoutes, { service });
  await app.register(deliveryRoutes, { service });
  await app.register(oneClickRoutes, { service });
  await app.register(membershipRoutes, { service });
  await app.register(grantRoutes, { service });
  await app.register(resourceRoutes, { service });
  await app.register(accountKeyRoutes, { service });
  await app.register(ownershipRoutes, { service });
  await app.register(checkRoutes, { service, checkAll: checks });
  await app.register(authzenRoutes, { service, checkAll: checks });
  await app.register(platformRoutes, { service });
  await app.register(platformKeyRoutes, { service });
  await app.register(tokenRoutes, { service });
  await app.register(healthRoutes, { service, state });
  await app.register(problemPages);
  await serveDocs(root);
  if (!config.production) await app.register(devRoutes, { service });

  await app.ready();
  return { app, service };
}
