import { Counter, Histogram, Registry } from 'prom-client';

/**
 * Counters and histograms for Prometheus. No label contains an id, an address or text chosen by
 * people.
 */
export interface Metrics {
  readonly registry: Registry;
  /**
   * Counts an answered request. `route` is the template of the route; undefined if no route
   * matched.
   */
  countRequest(method: string, route: string | undefined, status: number, milliseconds: number): void;
  /** Counts a line of the audit log. */
  countSecurityEvent(event: string, outcome: string): void;
  /**
   * Counts an attempt to send a mail: `sent`, `retrying`, `failed`, or `dropped` if the mail was
   * obsolete.
   */
  countMail(kind: string, outcome: string): void;
  /** Records how many permission checks one statement answered, if checks are batched. */
  observeCheckBatch(questions: number): void;
  /** Counts a delivery event from a mail service. */
  countDeliveryEvent(event: string): void;
}

/** Seconds. From the time of a check to the longest that a request may take. */
const buckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Histogram({
    name: 'usher_http_request_duration_seconds',
    help: 'Duration of requests, by method, route and status.',
    labelNames: ['method', 'route', 'status'],
    ...{ buckets, registers },
  });
  const events = new Counter({
    name: 'usher_security_events_total',
    help: 'Lines of the audit log, by event and outcome: logins, refusals and changes.',
    labelNames: ['event', 'outcome'],
    registers,
  });
  const mails = new Counter({
    name: 'usher_mails_total',
    help: 'Attempts to send a mail, by kind and outcome.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const deliveries = new Counter({
    name: 'usher_delivery_events_total',
    help: 'Delivery events from the mail service. An event that is received twice counts twice.',
    labelNames: ['event'],
    registers,
  });
  const batches = new Histogram({
    name: 'usher_check_batch_size',
    help: 'Permission checks in one statement. Empty with CHECK_BATCHING=off.',
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
