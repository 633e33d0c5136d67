import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../problems/problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered also while the service starts or is overloaded. */
    isAlwaysAnswered?: true;
  }
}

/** The state of the process that runs the app. */
export interface ProcessState {
  phase: 'starting' | 'serving' | 'stopping';
  /** Why the service has not started yet, as a sentence for clients, if known. */
  obstacle?: string | undefined;
  /** Whether the mail worker hangs. */
  isWorkerStuck(): boolean;
}

/** The state as a sentence for clients. It contains no host names. */
export const describeState = ({ phase, obstacle }: ProcessState): string =>
  `The service is ${phase}.${phase === 'starting' && obstacle !== undefined ? ` ${obstacle}` : ''}`;

/** Milliseconds between two measurements of the event loop lag. */
const sampleInterval = 1_000;

/**
 * Refuses requests with `unavailable` until the service has started, and while the event loop lags
 * by more than `maxLag` milliseconds (0: no limit). While the service stops, responses close the
 * connection, so that clients connect to another replica. Register it before the routes.
 *
 * The start may block the event loop, which is not overload. So lag counts only from two
 * measurements after the first request.
 */
export async function refuseWhenUnavailable(app: FastifyInstance, state: ProcessState, maxLag: number) {
  let doesLagCount = false;
  let isFirst = true;
  const startMeasuring = () => {
    isFirst = false;
    setTimeout(() => (doesLagCount = true), 2 * sampleInterval).unref();
  };
  app.addHook('onRequest', async ({ routeOptions }, reply) => {
    if (state.phase === 'serving' && isFirst) startMeasuring();
    if (state.phase === 'stopping') reply.header('connection', 'close');
    if (state.phase === 'starting' && !routeOptions.config.isAlwaysAnswered) {
      throw new Problem('unavailable', describeState(state));
    }
  });
  await app.register(underPressure, {
    sampleInterval,
    maxEventLoopDelay: maxLag,
    pressureHandler: async ({ routeOptions }) => {
      if (doesLagCount && !routeOptions.config.isAlwaysAnswered)
        throw new Problem('unavailable', 'The service is overloaded.');
    },
  });
}
