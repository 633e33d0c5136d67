import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance, LogController } from 'fastify';
import { recordUse } from './access/api-keys/record-use.ts';
import { accountKeyRoutes } from './access/api-keys/routes.ts';
import { authzenRoutes } from './access/authzen/routes.ts';
import { catalogueRoutes } from './access/catalogue/routes.ts';
import { batchChecks } from './access/checks/batching.ts';
import { checkAll, type QuestionChecker } from './access/checks/check.ts';
import { checkRoutes } from './access/checks/routes.ts';
import { grantRoutes } from './access/grants/routes.ts';
import { resourceRoutes } from './access/resources/routes.ts';
import { roleRoutes } from './access/roles/routes.ts';
import { accountRoutes } from './accounts/routes.ts';
import type { Config } from './config/config.ts';
import { createPasswords, type PasswordCost } from './credentials/password-hashing.ts';
import { normalisePassword } from './credentials/password-normal-form.ts';
import { isVerified } from './credentials/verification.ts';
import type { Db } from './database/database.ts';
import { watchOutages } from './database/outages.ts';
import { devRoutes } from './dev/routes.ts';
import { type ProcessState, refuseWhenUnavailable } from './http/availability.ts';
import { takeJson } from './http/bodies.ts';
import { authenticateCallers } from './http/caller.ts';
import { closeUnfinished } from './http/connections.ts';
import { allowOrigins } from './http/cors.ts';
import { collectOpenApi, serveDocs } from './http/docs.ts';
import { healthRoutes } from './http/health.ts';
import { loggerOptions, logRequests, requestIdOf } from './http/logging.ts';
import { limitNetworks } from './http/network-limits.ts';
import { answerUnrouted } from './http/not-found.ts';
import { allowNoBody } from './http/optional-bodies.ts';
import { refuseMalformedHttp, renderProblems, sendProblem } from './http/problem-json.ts';
import { problemPages } from './http/problem-pages.ts';
import { addCommonProblems } from './http/problem-schemas.ts';
import { parseQuery } from './http/query-string.ts';
import { checkRequests } from './http/request-checks.ts';
import { provideRequestContext } from './http/request-context.ts';
import { securityHeaders } from './http/security-headers.ts';
import { serializerBuilder } from './http/serialization.ts';
import { validatorBuilder } from './http/validation.ts';
import { inviteeRoutes } from './invites/accepting/invitee-routes.ts';
import { deliveryRoutes } from './invites/deliveries/routes.ts';
import { inviteDeliveryRoutes } from './invites/delivery-routes.ts';
import { oneClickRoutes } from './invites/refusals/one-click-routes.ts';
import { optOutRoutes } from './invites/refusals/opt-out-routes.ts';
import { inviteRoutes } from './invites/routes.ts';
import { createLimiter } from './limits/limits.ts';
import { openCounters } from './limits/open-counters.ts';
import { membershipRoutes } from './memberships/routes.ts';
import { ownershipRoutes } from './ownership/routes.ts';
import { platformKeyRoutes } from './platform/api-keys/routes.ts';
import { presetRoutes } from './platform/presets/routes.ts';
import { platformRoutes } from './platform/routes.ts';
import { Problem } from './problems/problem.ts';
import { schemas } from './schemas.ts';
import type { Service } from './service.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { displayName } from './text/display-text.ts';
import { isEmailAddress } from './text/email-address.ts';
import { accessTokens } from './tokens/access-token.ts';
import { deriveKeys } from './tokens/derived-keys.ts';
import { externalTokens } from './tokens/external-token.ts';
import type { SigningKeys } from './tokens/keys.ts';
import { tokenRoutes } from './tokens/routes.ts';
import { emailChangeRoutes } from './users/email-change/routes.ts';
import { identifyCaller } from './users/identities/identify-caller.ts';
import { identityRoutes } from './users/identities/routes.ts';
import { meRoutes } from './users/me/routes.ts';
import { passwordRoutes } from './users/passwords/routes.ts';
import { registrationRoutes } from './users/registration/routes.ts';
import { sessionRoutes } from './users/sessions/routes.ts';

export interface AppOptions {
  config: Config;
  db: Db;
  keys: SigningKeys;
  clock?: () => Date;
  /** The state of the process. Default: serving. */
  state?: ProcessState;
  /** Called after each request that may have enqueued a mail. */
  onChange?: () => void;
  /** The cost of hashing a password. Default: the recommended one. */
  passwordCost?: PasswordCost;
  /** Where log lines go. Default: standard output. */
  logTo?: { write(line: string): void };
}

/** Bytes. */
const bodyLimit = 64 * 1024;
/**
 * Characters. More than the headers may have, so that the router never rejects an overlong id: it
 * is answered 404.
 */
const maxParamLength = 32 * 1024;
/** Milliseconds that a client has to send a request. */
const requestTimeout = 30_000;

/**
 * Which proxies are trusted to report the client's address: none, unless the operator names some.
 */
function trustedProxies({ trustProxy }: Config) {
  if (typeof trustProxy === 'number') return (_: string, hop: number) => hop < trustProxy;
  return trustProxy === undefined ? false : [...trustProxy];
}

const servingState: ProcessState = { phase: 'serving', isWorkerStuck: () => false };

/** The headers of every response. */
const commonHeaders = ({ id }: { id: string }) => ({
  'x-request-id': id,
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
});

/**
 * Builds the service, without a socket and without its mail worker. The order of the parts matters.
 */
export async function buildApp(options: AppOptions) {
  const { config, db, keys, clock = () => new Date(), state = servingState, onChange, passwordCost, logTo } = options;
  const app = Fastify({
    logger: { ...loggerOptions(config.logLevel), ...(logTo && { stream: logTo }) },
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestIdOf,
    bodyLimit,
    requestTimeout,
    trustProxy: trustedProxies(config),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: refuseMalformedHttp,
    routerOptions: { maxParamLength, querystringParser: parseQuery },
    schemaController: {
      compilersFactory: {
        buildValidator: validatorBuilder(
          { email: isEmailAddress },
          { 'display-name': displayName, password: normalisePassword },
        ) as never,
        buildSerializer: serializerBuilder(),
      },
    },
    frameworkErrors: (_, request, reply) =>
      void sendProblem(request, reply.headers(commonHeaders(request)), new Problem('invalid-request'), config.issuer),
  }).withTypeProvider<TypeBoxTypeProvider>();

  // The app without TypeBox types, for hooks and plugins that add no typed routes.
  const root = app as unknown as FastifyInstance;
  const counters = await openCounters(config, db, app.log);
  app.addHook('onClose', () => counters.close());
  const metrics = createMetrics();
  const service: Service = {
    config,
    db,
    outages: watchOutages(db, config.database.kind === 'embedded' ? config.database.dataDir : undefined, app.log),
    signingKeys: keys,
    clock,
    derivedKeys: deriveKeys(keys),
    passwords: await createPasswords(passwordCost),
    accessTokens: await accessTokens(root, keys, config.issuer),
    externalTokens: externalTokens(config.identityProviders),
    limiter: createLimiter(counters, config.rateLimits),
    metrics,
  };

  const checkUnbatched: QuestionChecker = (caller, questions) => checkAll(db, caller, questions);
  const checks = config.checkBatching ? batchChecks(checkUnbatched, metrics.observeCheckBatch) : checkUnbatched;

  app.addHook('onClose', async () => service.outages.close());
  closeUnfinished(root);
  logRequests(root);
  root.addHook('onResponse', async ({ method, routeOptions }, { statusCode, elapsedTime }) =>
    metrics.countRequest(method, routeOptions.url, statusCode, elapsedTime),
  );
  takeJson(root);
  renderProblems(root, config.issuer, service.outages);
  answerUnrouted(root, config.issuer);
  provideRequestContext(root, service);
  const security = securityHeaders(config.issuer.startsWith('https:'));
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(security).headers(commonHeaders(request));
    done();
  });
  await allowOrigins(root, config.corsOrigins);
  await refuseWhenUnavailable(root, state, config.eventLoopLagMax);
  await limitNetworks(root, { counters, limits: config.rateLimits, clock });
  authenticateCallers(root, identifyCaller(service));
  app.addHook('onRoute', addCommonProblems);
  allowNoBody(root);
  checkRequests(root);
  const recordKeyUse = recordUse(db);
  app.addHook('onResponse', async ({ optionalCaller }) => {
    if (optionalCaller?.apiKey && isVerified(optionalCaller)) await recordKeyUse(optionalCaller);
  });
  if (onChange) app.addHook('onResponse', async ({ method }) => void (method !== 'GET' && onChange()));

  await collectOpenApi(root);
  for (const schema of schemas) app.addSchema(schema);

  await app.register(registrationRoutes, { service });
  await app.register(meRoutes, { service });
  await app.register(emailChangeRoutes, { service });
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
  await app.register(tokenRoutes, service);
  await app.register(healthRoutes, { ...service, state });
  await app.register(problemPages);
  await serveDocs(root);
  if (!config.production) await app.register(devRoutes, { service });

  await app.ready();
  return { app, service };
}
