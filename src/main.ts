import { setTimeout } from 'node:timers/promises';
import closeWithGrace from 'close-with-grace';
import type { FastifyBaseLogger } from 'fastify';
import { applyCatalogueFile } from './access/catalogue/declare.ts';
import { buildApp } from './app.ts';
import { type Config, readConfig } from './config/config.ts';
import { type OpenDatabase, openDatabase } from './database/database.ts';
import { driverError, isUnavailable, outageReason } from './database/errors.ts';
import { migrate } from './database/migrate.ts';
import { requireTablePrivileges } from './database/table-privileges.ts';
import { addGauges } from './gauges.ts';
import type { ProcessState } from './http/availability.ts';
import { createRetention } from './lifecycle/retention.ts';
import type { Transport } from './mail/mail.ts';
import { createWorker, type Worker } from './mail/outbox/worker.ts';
import { messageWriters } from './mail-writers.ts';
import type { Service } from './service.ts';
import { type MetricsServer, serveMetrics } from './telemetry/metrics-server.ts';
import type { Tracing } from './telemetry/tracing.ts';
import { loadOrCreateSigningKeys } from './tokens/keys.ts';

/** Milliseconds that a shutdown may take after its delay, before the process is killed. */
const grace = 20_000;
/** Milliseconds between attempts to reach the database, at most. */
const maxWait = 10_000;

const read = readConfig(process.env);
if ('mistakes' in read) fail(['The configuration is not valid:', ...read.mistakes.map((it) => `  ${it}`)].join('\n'));
else await run(read.config).catch((error: unknown) => fail(`Usher could not start: ${reasonOf(error)}`));

/**
 * Starts the service, and stops it in reverse order on SIGTERM or SIGINT. It listens before it
 * migrates the database, so that the orchestrator sees a process that is alive but not ready.
 */
async function run(config: Config): Promise<void> {
  const tracing = config.tracing ? await startTracing() : undefined;
  const keys = config.signingKeys ?? (await loadOrCreateSigningKeys(config.dataDir));
  const database = await openDatabase(config.database);
  let worker: Worker | undefined;
  let metrics: MetricsServer | undefined;
  const state: ProcessState = { phase: 'starting', isWorkerStuck: () => worker?.isStuck() ?? false };
  const { app, service } = await buildApp({ config, db: database.db, keys, state, onChange: () => worker?.wake() });
  worker = createWorker(await workerOptions(service, app.log));
  const retention = createRetention(service, app.log);
  closeWithGrace({ delay: config.stopDelay * 1000 + grace, logger: false }, async ({ err }) => {
    if (err) app.log.fatal({ err }, 'stopping after an error');
    state.phase = 'stopping';
    await setTimeout(config.stopDelay * 1000);
    await app.close();
    await Promise.all([worker.stop(), retention.stop()]);
    await metrics?.close();
    await database.close();
    await tracing?.close();
  });
  await app.listen({ host: config.host, port: config.port });
  metrics = await startMetrics(service, database);
  await retryWhileUnavailable(app.log, state, () => prepareDatabase(config, database, service.clock()));
  state.phase = 'serving';
  worker.start();
  retention.start();
  announce(config, app.server.address());
}

/** OpenTelemetry is large, so it is loaded only if tracing is enabled. */
async function startTracing(): Promise<Tracing> {
  return (await import('./telemetry/tracing.ts')).startTracing();
}

/** Migrates the database, checks its privileges, and declares the catalogue file. */
async function prepareDatabase(
  { catalogue }: Config,
  { db, verify, withoutTimeouts }: OpenDatabase,
  now: Date,
): Promise<void> {
  await verify();
  await withoutTimeouts(migrate);
  await requireTablePrivileges(db);
  if (catalogue) await applyCatalogueFile(db, catalogue, now);
}

/**
 * Runs `work` until it succeeds or fails for another reason than an unavailable database. Logs each
 * retry.
 */
async function retryWhileUnavailable(
  log: FastifyBaseLogger,
  state: ProcessState,
  work: () => Promise<void>,
): Promise<void> {
  for (let wait = 1_000; ; wait = Math.min(wait * 2, maxWait)) {
    try {
      return await work();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      state.obstacle = outageReason(error);
      log.warn({ reason: reasonOf(error), againAfter: wait }, 'waiting for the database');
      await setTimeout(wait);
    }
  }
}

async function workerOptions(service: Service, log: FastifyBaseLogger) {
  const backlogRate = service.config.mailBacklogRate;
  return { service, log, writers: messageWriters(service), transport: await loadTransport(service), backlogRate };
}

/** Serves the metrics, if `METRICS_PORT` is set. */
async function startMetrics(service: Service, database: OpenDatabase): Promise<MetricsServer | undefined> {
  const { config, metrics } = service;
  if (config.metricsPort === undefined) return undefined;
  const collect = addGauges(metrics.registry, { service, database });
  return serveMetrics(collect, config.host, config.metricsPort);
}

/** Loads the configured mail transport, and no library of the others. */
async function loadTransport({ config: { mail }, db }: Service): Promise<Transport> {
  if (mail.kind === 'smtp') return (await import('./mail/transports/smtp.ts')).smtpTransport(mail);
  if (mail.kind === 'sendgrid') return (await import('./mail/transports/sendgrid.ts')).sendgridTransport(mail);
  return (await import('./mail/transports/mailbox.ts')).mailboxTransport(db);
}

/** In development, prints the URLs of the service. */
function announce({ production, database, mail }: Config, address: unknown): void {
  if (production) return;
  const base = `http://localhost:${(address as { port: number }).port}`;
  const mailServer = mail.kind === 'smtp' ? mail.server.host : 'SendGrid';
  process.stdout.write(
    `
  Usher is ready.

    API       ${base}
    Docs      ${base}/docs
    Mailbox   ${mail.kind === 'mailbox' ? `${base}/dev/mailbox` : `none: mail goes through ${mailServer}`}
    Database  ${database.kind === 'embedded' ? `embedded, in ${database.dataDir}` : 'Postgres'}

  To see what Usher does, run "npm run demo" in a second shell.

`,
  );
}

/** The driver's message. The error that wraps it quotes the statement and its parameters. */
function reasonOf(error: unknown): string {
  const { message, code } = driverError(error);
  return String(message || code);
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
  // Open resources, such as a pool or a lock, must not keep the failed process alive.
  void setTimeout(100, undefined, { ref: false }).then(() => process.exit());
}
