import { Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client';
import type { OpenDatabase } from './database/database.ts';
import { lockQueueState } from './database/lock-queue.ts';
import { countOutbox } from './mail/outbox/store.ts';
import type { Service } from './service.ts';

/** What is looked up when it is asked for. */
interface Sources {
  service: Pick<Service, 'clock' | 'db' | 'passwords'>;
  database: Pick<OpenDatabase, 'db' | 'connections'>;
}

/**
 * Adds what stands at a moment, in the service and its process, to what is counted. A database that does not answer costs those
 * of the outbox, and no others.
 * @returns how all of it is collected: in Prometheus' text format, of one moment.
 */
export function addGauges(registry: Registry, { service, database }: Sources): () => Promise<string> {
  // Of the process: memory, processor, and how long the event loop lags.
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const outbox = gauge('usher_outbox_mails', 'Mails that wait for their time, are due, or were given up.', ['state']);
  const age = gauge('usher_outbox_oldest_due_seconds', 'For how long the longest due mail has been waiting.');
  const isUp = gauge('usher_database_up', '1 where the database answers.');
  const connections = gauge('usher_database_connections', 'Connections of the pool.', ['state']);
  const queued = gauge(
    'usher_lock_queue_waiting',
    'Requests that wait in memory to change a row that others are changing.',
  );
  const refused = new Counter({
    name: 'usher_lock_queue_refused_total',
    help: 'Requests answered 503 because too many waited to change the same row.',
    registers: [registry],
  });
  const hashing = gauge('usher_password_queue', 'Passwords that wait to be hashed or compared.');

  async function lookAtOutbox(): Promise<void> {
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
    const answers = await lookAtOutbox().then(
      () => true,
      () => false,
    );
    isUp.set(answers ? 1 : 0);
    return registry.metrics();
  };
}
