import { Problem } from '../problems/problem.ts';
import { shortHash } from '../text/hashes.ts';
import type { Counters } from './counters.ts';

interface Limit {
  /** How many tries a window may hold. */
  max: number;
  /** Seconds. */
  window: number;
  /** What is counted, and by what. */
  about: string;
  /** Seconds that the window may have at most. */
  longest?: number;
}

const minute = 60;
const quarter = 15 * minute;
const halfHour = 30 * minute;
const hour = 60 * minute;
const halfDay = 12 * hour;
const day = 24 * hour;

const limit = (max: number, window: number, about: string, longest?: number): Limit => ({
  ...{ max, window, about },
  ...(longest !== undefined && { longest }),
});

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
  'register.address': limit(5, hour, 'Registrations of one address from one network.'),
  'register.mails': limit(
    10,
    halfDay,
    'Mails to one address for its registrations, from all networks together. Beyond it, no mail is sent and the answer is the same. The window is at most half as long as a link is valid.',
    halfDay,
  ),
  'verify.network': limit(100, minute, 'Tokens of mailed links tried from one network.'),
  'reset.network': limit(60, minute, 'Password resets asked for from one network.'),
  'reset.address': limit(5, halfHour, 'Password resets requested for one address from one network.'),
  'reset.mails': limit(
    5,
    quarter,
    'Mails to one address for its password resets, from all networks together. Beyond it, no mail is sent and the answer is the same. The window is at most half as long as a link is valid, and starts again when a link was used.',
    quarter,
  ),
  'preview.network': limit(300, minute, 'Invites looked at from one network.'),
  'accept.network': limit(300, minute, 'Invites accepted or declined from one network.'),
  'accept.invite': limit(120, minute, 'Looks at one invite, and decisions on it.'),
  'webhook.network': limit(1200, minute, 'Batches of events by a mail service from one network.'),
  'password.user': limit(10, quarter, 'Guesses of the current password by someone who is logged in.'),
  'email-change.user': limit(5, hour, 'Changes of the address that one user requests.'),
  'ownership.pair': limit(5, day, 'Offers of the ownership by one account, or by one person, to one member.'),
  'invites.inviter': limit(1000, hour, 'Invites sent by one person, and sent again.'),
  'invites.account': limit(5000, hour, 'Invites sent by one account, and sent again.'),
  'invites.pair': limit(10, day, 'Invites sent by one account, or by one person, to one address, and sent again.'),
  'mail.recipient': limit(
    30,
    day,
    'Mails to one address that others caused: invites, reminders, ownership offers, removals, links to confirm a changed address. Mails beyond it are delayed; nothing is refused.',
  ),
  'mail.sender': limit(
    10,
    day,
    'The same mails to one address, caused by one person, or by the platform for one account. Mails beyond it are delayed.',
  ),
};

export type LimitName = keyof typeof limits;

/** How many tries each limit allows in how many seconds; or no limit at all. */
export type RateLimits = Readonly<Record<LimitName, Rate>> | 'off';

type Rate = Pick<Limit, 'max' | 'window'>;

/** One thing tried, and what its limit is counted by: an address, a network, an id. */
export interface LimitedAction {
  limit: LimitName;
  of: string;
}

export interface Limiter {
  /**
   * Counts one try of each, in one round trip. One that is refused has counted all the same, for each of them. Not to be
   * asked inside a transaction.
   * @throws too-many-requests with the seconds after which none of those exceeded is any more.
   */
  requireWithin(tries: readonly LimitedAction[], now: Date): Promise<void>;
  /**
   * The same for tries that count only if they succeed: if `act` throws a problem, or a limit is
   * exceeded, nothing was done and nothing is counted.
   */
  counting<T>(tries: readonly LimitedAction[], now: Date, act: () => Promise<T>): Promise<T>;
  /** Forgets the counts of some limits. */
  clear(tries: readonly LimitedAction[]): Promise<void>;
  /** Counts one try of each, and returns the exceeded limit instead of throwing. */
  take(tries: readonly LimitedAction[], now: Date): Promise<CountedActions>;
}

export interface CountedActions {
  /** The exceeded limit whose window ends last. */
  exceeded: { limit: LimitName; until: Date } | undefined;
  /** How often each was tried by now, this time included, in the order given. */
  counts: number[];
  /** Takes the counts back. */
  giveBack(): Promise<void>;
}

const untouched: CountedActions = { exceeded: undefined, counts: [], giveBack: async () => {} };

export function createLimiter(counters: Counters, limits: RateLimits): Limiter {
  async function take(tries: readonly LimitedAction[], now: Date): Promise<CountedActions> {
    if (limits === 'off' || tries.length === 0) return untouched;
    const hits = tries.map(({ limit, of }) => ({ limit, key: keyOf(limit, of), ...limits[limit] }));
    const counted = (await counters.hit(hits, now)).map((it, i) => ({ ...it, ...(hits[i] as (typeof hits)[number]) }));
    const isExceeded = ({ count, max }: (typeof counted)[number]) => count > max;
    const [longest] = counted.filter(isExceeded).sort((a, b) => b.resetsAt.getTime() - a.resetsAt.getTime());
    return {
      exceeded: longest && { limit: longest.limit, until: longest.resetsAt },
      counts: counted.map((it) => it.count),
      giveBack: () => counters.undo(counted),
    };
  }

  const requireTaken = ({ exceeded }: CountedActions, now: Date) => {
    if (exceeded) throw tooManyRequests(exceeded.until.getTime() - now.getTime(), exceeded.limit);
  };

  return {
    take,
    clear: (tries) => counters.clear(limits === 'off' ? [] : tries.map(({ limit, of }) => keyOf(limit, of))),
    async requireWithin(tries, now) {
      requireTaken(await take(tries, now), now);
    },
    async counting(tries, now, act) {
      const taken = await take(tries, now);
      try {
        requireTaken(taken, now);
        return await act();
      } catch (error) {
        // After any other failure, it is unknown whether something was done. If the counts can't be
        // taken back, the refusal is still the answer.
        if (error instanceof Problem) await taken.giveBack().catch(() => {});
        throw error;
      }
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
  return `${limit}:${shortHash(of)}`;
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
    else if (!isRate(rate, windowOf(name)))
      mistakes.push(`gives ${name} other than 1 to ${most.max} tries in 1 to ${windowOf(name)} seconds`);
    given.add(name);
    parsed[name] = rate;
  }
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return parsed as RateLimits;
}

const windowOf = (name: string) => (limits[name as LimitName] as Limit).longest ?? most.window;

const isRate = ({ max, window }: Rate, longest: number) =>
  max >= 1 && max <= most.max && window >= 1 && window <= longest;
