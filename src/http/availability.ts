import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../problems/problem.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** A route that is answered at any time: before the service has started, and when it has too much to do. */
    isAlwaysAnswered?: true;
  }
}

/** How the process around the app is doing. */
export interface ProcessState {
  /** `serving` from the end of everything that comes before the first request until it is asked to stop. */
  phase: 'starting' | 'serving' | 'stopping';
  /** Why it has not started yet, as a sentence, if known. */
  obstacle?: string | undefined;
  /** Whether the mail worker has stopped for no reason that it knows. */
  isWorkerStuck(): boolean;
}

/** The state as a sentence that names no host. */
export const describeState = ({ phase, obstacle }: ProcessState): string =>
  `The service is ${phase}.${phase === 'starting' && obstacle !== undefined ? ` ${obstacle}` : ''}`;

/** Milliseconds between two looks at how far the event loop lags. */
const sampleInterval = 1_000;

/**
 * Answers `unavailable` at once, and begins nothing, until the service has started, and while the event loop lags by more than
 * `maxLag` milliseconds (0: never for that reason): what is begun then would end too late for whoever
 * waits. A service that is stopping asks its clients to connect anew, which leads them elsewhere. Comes before the routes.
 *
 * The start itself may block the event loop, and is no load: a lag counts from two looks after the first request that is served.
 */
export async function refuseWhenUnable(app: FastifyInstance, state: ProcessState, maxLag: number) {
  let doesLagCount = false;
  let isSettling = false;
  const settle = () => {
    isSettling = true;
    setTimeout(() => (doesLagCount = true), 2 * sampleInterval).unref();
  };
  app.addHook('onRequest', async ({ routeOptions }, reply) => {
    if (state.phase === 'serving' && !isSettling) settle();
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
        throw new Problem('unavailable', 'The service has too much to do.');
    },
  });
}
