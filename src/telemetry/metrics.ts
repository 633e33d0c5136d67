import { Counter, Histogram, Registry } from 'prom-client';

/** What is counted while the service runs, for Prometheus. No label holds an id, an address, or anything that people chose. */
export interface Metrics {
  readonly registry: Registry;
  /** A request that was answered. The route is its template; none for what no route is for. */
  countRequest(method: string, route: string | undefined, status: number, milliseconds: number): void;
  /** A line of the audit log, logins among them. */
  countSecurityEvent(event: string, outcome: string): void;
  /** A try to send a mail: `sent`, `retrying`, `failed`, or `dropped` where there was nothing to say any more. */
  countMail(kind: string, outcome: string): void;
  /** The questions that one statement answers, if checks are batched. */
  observeCheckBatch(questions: number): void;
  /** Something that a mail service told of a mail. */
  countDeliveryEvent(event: string): void;
}

/** Seconds. From what a check costs to what a request may take. */
const buckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Histogram({
    name: 'usher_http_request_duration_seconds',
    help: 'Requests, by route and status, and how long they took.',
    labelNames: ['method', 'route', 'status'],
    ...{ buckets, registers },
  });
  const events = new Counter({
    name: 'usher_security_events_total',
    help: 'Lines of the audit log: logins that succeeded or failed, refusals, changes.',
    labelNames: ['event', 'outcome'],
    registers,
  });
  const mails = new Counter({
    name: 'usher_mails_total',
    help: 'Tries to send a mail, by what came of them.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const deliveries = new Counter({
    name: 'usher_delivery_events_total',
    help: 'What the mail service told of mails. One that is told twice counts twice.',
    labelNames: ['event'],
    registers,
  });
  const batches = new Histogram({
    name: 'usher_check_batch_size',
    help: 'Questions about permissions in one statement. With CHECK_BATCHING=off there are none.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200],
    registers,
  });
  return {
    registry,
    observeCheckBatch: (questions) => batches.observe(questions),
    countRequest: (method, route = 'none', status, milliseconds) =>
      requests.observe({ method, route, status }, milliseconds / 1000),
    countSecurityEvent: (event, outcome) => events.inc({ event, outcome }),
    countMail: (kind, outcome) => mails.inc({ kind, outcome }),
    countDeliveryEvent: (event) => deliveries.inc({ event }),
  };
}
