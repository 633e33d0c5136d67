import { createHash } from 'node:crypto';
import { Problem } from '../problems.ts';
import type { Counters } from './counters.ts';

interface Limit {
  /** How many tries a window may hold. */
  max: number;
  /** Seconds. */
  window: number;
  /** What is counted, and by what. */
  about: string;
}

const minute = 60;
const quarter = 15 * minute;
const halfHour = 30 * minute;
const hour = 60 * minute;
const day = 24 * hour;

const limit = (max: number, window: number, about: string): Limit => ({ max, window, about });

/** Every limit, documented once. Those of a network are counted before anything of a request is read. */
export const limits = {
  'request.network': limit(20_000, 10, 'Requests of any kind from one network, by each replica for itself.'),
  'login.network': limit(100, minute, 'Logins tried from one network.'),
  'login.address': limit(
    10,
    quarter,
    'Logins tried with one address, from wherever its user has not logged in before.',
  ),
  'login.known': limit(
    10,
    quarter,
    'Logins tried with one address from one network where its user has logged in before.',
  ),
  'refresh.network': limit(600, minute, 'Sessions refreshed from one network.'),
  'register.network': limit(60, minute, 'Registrations from one network.'),
  'register.address': limit(5, hour, 'Registrations of one address, each of which sends it a mail.'),
  'verify.network': limit(100, minute, 'Tokens of mailed links tried from one network.'),
  'reset.network': limit(60, minute, 'Password resets asked for from one network.'),
  'reset.address': limit(
    5,
    halfHour,
    'Password resets asked for with one address, each of which sends it a mail whose link lives as long.',
  ),
  'preview.network': limit(300, minute, 'Invites looked at from one network.'),
  'accept.network': limit(300, minute, 'Invites accepted or declined from one network.'),
  'accept.invite': limit(120, minute, 'Looks at one invite, and decisions on it.'),
  'webhook.network': limit(1200, minute, 'Batches of events by a mail service from one network.'),
  'password.user': limit(10, quarter, 'Guesses of the current password by someone who is logged in.'),
  'email-change.user': limit(5, hour, 'Changes of the address that one user asks for.'),
  'invites.inviter': limit(1000, hour, 'Invites sent by one person, and sent again.'),
  'invites.account': limit(5000, hour, 'Invites sent by one account, and sent again.'),
  'invites.pair': limit(10, day, 'Invites sent by one account, or by one person, to one address, and sent again.'),
  'invites.recipient': limit(30, day, 'Invites sent to one address by all accounts together, and sent again.'),
};

export type LimitName = keyof typeof limits;

/** How many tries each limit allows in how many seconds; or no limit at all. */
export type RateLimits = Readonly<Record<LimitName, Omit<Limit, 'about'>>> | 'off';

/** One thing tried, and what its limit is counted by: an address, a network, an id. */
export interface Try {
  limit: LimitName;
  of: string;
}

export interface Limiter {
  /**
   * Counts one try of each, in one round trip. One that is refused has counted all the same, for each of them. Not to be
   * asked inside a transaction.
   * @throws too-many-requests with the seconds after which none of those exceeded is any more.
   */
  requireWithin(tries: readonly Try[], now: Date): Promise<void>;
}

export function createLimiter(counters: Counters, limits: RateLimits): Limiter {
  return {
    async requireWithin(tries, now) {
      if (limits === 'off' || tries.length === 0) return;
      const hits = tries.map(({ limit, of }) => ({ limit, key: keyOf(limit, of), ...limits[limit] }));
      const counts = await counters.hit(hits, now);
      const exceeded = counts.flatMap(({ count, resetsAt }, i) =>
        count > (hits[i]?.max ?? 0) ? { limit: hits[i]?.limit, wait: resetsAt.getTime() - now.getTime() } : [],
      );
      const [longest] = exceeded.sort((a, b) => b.wait - a.wait);
      if (longest) throw tooManyRequests(longest.wait, longest.limit);
    },
  };
}

/**
 * The refusal of one try too many. Its answer does not say which limit it was, since some of them tell whether an address is
 * known; the audit log does.
 * @param wait milliseconds until the next may be made.
 */
export const tooManyRequests = (wait: number, limit: LimitName | undefined) =>
  new Problem('too-many-requests', undefined, { retryAfter: Math.ceil(wait / 1000) }, { limit });

/** What a limit is counted under: a hash, so that no store shows in clear who did something or from where. */
export function keyOf(limit: LimitName, of: string): string {
  return `${limit}:${createHash('sha256').update(of).digest('base64url').slice(0, 22)}`;
}

/** A limit of none would shut the door, and what is longer than a month is no rate. */
const most = { max: 1_000_000, window: 31 * day };

/**
 * Reads `RATE_LIMITS`: `off`, or limits other than the usual ones, as `login.network=100/60, reset.address=5/3600`
 * (tries/seconds).
 * @throws an Error whose message says all that is wrong.
 */
export function parseRateLimits(text: string | undefined): RateLimits {
  if (text?.trim() === 'off') return 'off';
  const parsed = Object.fromEntries(Object.entries(limits).map(([name, { max, window }]) => [name, { max, window }]));
  const given = new Set<string>();
  const mistakes: string[] = [];
  for (const entry of text?.split(',').map((it) => it.trim()) ?? []) {
    const [, name = '', max, window] = /^([\w.-]+)\s*=\s*(\d+)\s*\/\s*(\d+)$/.exec(entry) ?? [];
    const rate = { max: Number(max), window: Number(window) };
    if (name === '')
      mistakes.push(`must be off, or limits such as login.network=100/60 parted by commas, not "${entry}"`);
    else if (!Object.hasOwn(limits, name)) mistakes.push(`names a limit that does not exist: ${name}`);
    else if (given.has(name)) mistakes.push(`names ${name} twice`);
    else if (!isRate(rate))
      mistakes.push(`gives ${name} other than 1 to ${most.max} tries in 1 to ${most.window} seconds`);
    given.add(name);
    parsed[name] = rate;
  }
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return parsed as RateLimits;
}

const isRate = ({ max, window }: Omit<Limit, 'about'>) =>
  max >= 1 && max <= most.max && window >= 1 && window <= most.window;
