import closeWithGrace from 'close-with-grace';
import type { FastifyBaseLogger } from 'fastify';
import { buildApp } from './app.ts';
import { keepCatalogueFile } from './catalogue/file.ts';
import { type Config, readConfig } from './config.ts';
import { type OpenDatabase, openDatabase } from './database/database.ts';
import { driverError } from './database/errors.ts';
import { migrate } from './database/migrate.ts';
import { lettersOf } from './letters.ts';
import type { Transport } from './mail/mail.ts';
import { mailboxTransport } from './mail/transports/mailbox.ts';
import { sendgridTransport } from './mail/transports/sendgrid.ts';
import { smtpTransport } from './mail/transports/smtp.ts';
import { addGauges } from './metrics/gauges.ts';
import { type MetricsServer, serveMetrics } from './metrics/server.ts';
import { createWorker, type Worker } from './outbox/worker.ts';
import type { Service } from './service.ts';
import { keepSigningKeys } from './tokens/keys.ts';

/** Milliseconds that a stop may take before the process ends anyway. */
const grace = 25_000;

const read = readConfig(process.env);
if ('mistakes' in read) fail(['The configuration is wrong:', ...read.mistakes.map((it) => `  ${it}`)].join('\n'));
else await run(read.config).catch((error: unknown) => fail(`Usher could not start: ${reasonOf(error)}`));

/** Config, database, app, worker, socket; and back in the other order on SIGTERM or SIGINT. */
async function run(config: Config): Promise<void> {
  const keys = config.signingKeys ?? (await keepSigningKeys(config.dataDir));
  const database = await openDatabase(config.database);
  await database.patiently(migrate);
  if (config.catalogue) await keepCatalogueFile(database.db, config.catalogue);
  let worker: Worker | undefined;
  let metrics: MetricsServer | undefined;
  const { app, service } = await buildApp({ config, db: database.db, keys, onChange: () => worker?.wake() });
  worker = createWorker(workerOptions(service, app.log));
  closeWithGrace({ delay: grace, logger: false }, async ({ err }) => {
    if (err) app.log.fatal({ err }, 'stopping after an error');
    await app.close();
    await worker.stop();
    await metrics?.close();
    await database.close();
  });
  await app.listen({ host: config.host, port: config.port });
  worker.start();
  metrics = await metricsOf(service, database);
  announce(config, app.server.address());
}

function workerOptions(service: Service, log: FastifyBaseLogger) {
  const backlogRate = service.config.mailBacklogRate;
  return { service, log, letters: lettersOf(service), transport: transportOf(service), backlogRate };
}

/** Serves what is counted, where that is wished. */
async function metricsOf(service: Service, database: OpenDatabase): Promise<MetricsServer | undefined> {
  const { config, metrics } = service;
  if (config.metricsPort === undefined) return undefined;
  const collect = addGauges(metrics.registry, { service, database });
  return serveMetrics(collect, config.host, config.metricsPort);
}

function transportOf({ config: { mail }, db }: Service): Transport {
  if (mail.kind === 'smtp') return smtpTransport(mail);
  if (mail.kind === 'sendgrid') return sendgridTransport(mail);
  return mailboxTransport(db);
}

/** Tells a person who started it where everything is. */
function announce({ production, database, mail }: Config, address: unknown): void {
  if (production) return;
  const base = `http://localhost:${(address as { port: number }).port}`;
  const carrier = mail.kind === 'smtp' ? mail.server.host : 'SendGrid';
  process.stdout.write(
    `
  Usher is ready.

    API       ${base}
    Docs      ${base}/docs
    Mailbox   ${mail.kind === 'mailbox' ? `${base}/dev/mailbox` : `none: mail goes through ${carrier}`}
    Database  ${database.kind === 'embedded' ? `embedded, in ${database.dataDir}` : 'Postgres'}

  To see what it does, run "npm run demo" in a second shell.

`,
  );
}

/** The driver's own words, without the statement and its parameters that wrap them. */
function reasonOf(error: unknown): string {
  const { message, code } = driverError(error);
  return String(message || code);
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
  // What was opened on the way (a pool, a lock) must not keep a process alive that serves nothing.
  setTimeout(() => process.exit(), 100).unref();
}
