import { Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { OpenDatabase } from './database/database.ts';
import { lockQueueState } from './database/lock-queue.ts';
import { countOutbox } from './mail/outbox/store.ts';
import type { Service } from './service.ts';

/** Where the gauges are read from. */
interface Sources {
  service: Pick<Service, 'clock' | 'db' | 'passwords'>;
  database: Pick<OpenDatabase, 'db' | 'connections'>;
}

/**
 * Adds gauges of the service and its process to the registry. If the database does not answer, only
 * the gauges of the outbox are missing.
 * @returns a function that reads all gauges and returns the metrics in Prometheus' text format.
 */
export function addGauges(registry: Registry, { service, database }: Sources): () => Promise<string> {
  // Memory, processor time and event loop lag of the process.
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const outbox = gauge('usher_outbox_mails', 'Mails in the outbox, by state: queued for later, due, or failed.', [
    'state',
  ]);
  const age = gauge('usher_outbox_oldest_due_seconds', 'Seconds that the oldest due mail has been due.');
  const isUp = gauge('usher_database_up', '1 if the database answers, otherwise 0.');
  const connections = gauge('usher_database_connections', 'Connections of the pool, by state.', ['state']);
  const queued = gauge(
    'usher_lock_queue_waiting',
    'Requests waiting in memory to change a row that other requests are changing.',
  );
  const refused = new Counter({
    name: 'usher_lock_queue_refused_total',
    help: 'Requests answered 503 because too many were waiting to change the same row.',
    registers: [registry],
  });
  const hashing = gauge('usher_password_queue', 'Passwords waiting to be hashed or compared.');

  async function readOutbox(): Promise<void> {
    const now = service.clock();
    const counts = await countOutbox(database.db, now);
    for (const state of ['queued', 'due', 'failed'] as const) outbox.set({ state }, counts?.[state] ?? 0);
    age.set(counts?.oldestDueAt ? (now.getTime() - counts.oldestDueAt.getTime()) / 1000 : 0);
  }

  return async () => {
    const locks = lockQueueState(service.db);
    queued.set(locks.waiting);
    refused.reset();
    refused.inc(locks.refused);
    hashing.set(service.passwords.waiting());
    for (const [state, count] of Object.entries(database.connections())) connections.set({ state }, count);
    outbox.reset();
    age.remove();
    const doesAnswer = await readOutbox().then(
      () => true,
      () => false,
    );
    isUp.set(doesAnswer ? 1 : 0);
    return registry.metrics();
  };
}
