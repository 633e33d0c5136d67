import { Problem } from '../problems/problem.ts';
import { shortHash } from '../text/hashes.ts';
import type { Counters } from './counters.ts';

interface Limit {
  /** The number of attempts allowed in a window. */
  max: number;
  /** Seconds. */
  window: number;
  /** What is counted. */
  about: string;
  /** Seconds. The operator can't set a longer window. */
  maxWindow?: number;
}

const minute = 60;
const quarter = 15 * minute;
const halfHour = 30 * minute;
const hour = 60 * minute;
const halfDay = 12 * hour;
const day = 24 * hour;

const limit = (max: number, window: number, about: string, maxWindow?: number): Limit => ({
  ...{ max, window, about },
  ...(maxWindow !== undefined && { maxWindow }),
});

/** All limits. Limits by network are counted before the body of a request is read. */
export const limits = {
  'request.network': limit(20_000, 10, 'Requests of any kind from one network, counted by each replica separately.'),
  'login.network': limit(100, minute, 'Login attempts from one network.'),
  'login.address': limit(
    10,
    quarter,
    'Login attempts for one address, from all networks that its user has not logged in from before.',
  ),
  'login.known': limit(
    10,
    quarter,
    'Login attempts for one address from one network that its user has logged in from before.',
  ),
  'refresh.network': limit(600, minute, 'Refreshes of sessions from one network.'),
  'register.network': limit(60, minute, 'Registrations from one network.'),
  'register.address': limit(5, hour, 'Registrations of one address from one network.'),
  'register.mails': limit(
    10,
    halfDay,
    'Mails to one address for registrations from all networks. Beyond the limit, no mail is sent and the answer is the same. The window may be at most half as long as a link is valid.',
    halfDay,
  ),
  'verify.network': limit(100, minute, 'Uses of mailed links from one network.'),
  'reset.network': limit(60, minute, 'Password resets requested from one network.'),
  'reset.address': limit(5, halfHour, 'Password resets requested for one address from one network.'),
  'reset.mails': limit(
    5,
    quarter,
    'Mails to one address for password resets from all networks. Beyond the limit, no mail is sent and the answer is the same. The window may be at most half as long as a link is valid, and starts again when a link is used.',
    quarter,
  ),
  'preview.network': limit(300, minute, 'Previews of invites from one network.'),
  'accept.network': limit(300, minute, 'Invites accepted or declined from one network.'),
  'accept.invite': limit(120, minute, 'Previews of one invite, and attempts to accept or decline it.'),
  'webhook.network': limit(1200, minute, 'Batches of delivery events from one network.'),
  'password.user': limit(10, quarter, 'Checks of the current password of one user who is logged in.'),
  'email-change.user': limit(5, hour, 'Changes of the e-mail address that one user requests.'),
  'ownership.pair': limit(5, day, 'Ownership offers from one account, or from one person, to one member.'),
  'invites.inviter': limit(1000, hour, 'Invites sent or resent by one person.'),
  'invites.account': limit(5000, hour, 'Invites sent or resent by one account.'),
  'invites.pair': limit(10, day, 'Invites sent or resent to one address by one account, or by one person.'),
  'mail.recipient': limit(
    30,
    day,
    'Mails to one address that others cause: invites, reminders, ownership offers, removals, and links to confirm a changed address. Mails beyond the limit are delayed. No request is refused.',
  ),
  'mail.sender': limit(
    10,
    day,
    'The same mails to one address, if one person, or the platform for one account, causes them. Mails beyond the limit are delayed.',
  ),
};

export type LimitName = keyof typeof limits;

/** The attempts and seconds of each limit, or `off` for no limits. */
export type RateLimits = Readonly<Record<LimitName, Rate>> | 'off';

type Rate = Pick<Limit, 'max' | 'window'>;

/** An attempt to count, and what it is counted by (`of`): an address, a network or an id. */
export interface LimitedAction {
  limit: LimitName;
  of: string;
}

export interface Limiter {
  /**
   * Counts the attempts, in one round trip, also if they are refused. Not for use inside a
   * transaction.
   * @throws too-many-requests with the seconds until the last window of an exceeded limit ends.
   */
  requireWithin(tries: readonly LimitedAction[], now: Date): Promise<void>;
  /**
   * Counts the attempts and runs `act`. If `act` throws a problem or a limit is exceeded, nothing
   * was done, and the attempts are not counted.
   * @throws too-many-requests, and what `act` throws.
   */
  countIfDone<T>(tries: readonly LimitedAction[], now: Date, act: () => Promise<T>): Promise<T>;
  /** Resets the counts of these limits. */
  clear(tries: readonly LimitedAction[]): Promise<void>;
  /** Counts the attempts, and returns the exceeded limit instead of throwing. */
  take(tries: readonly LimitedAction[], now: Date): Promise<CountedActions>;
}

export interface CountedActions {
  /** The exceeded limit whose window ends last. */
  exceeded: { limit: LimitName; until: Date } | undefined;
  /** The count of each attempt, itself included, in the order of the attempts. */
  counts: number[];
  /** Undoes the counts. */
  giveBack(): Promise<void>;
}

const notCounted: CountedActions = { exceeded: undefined, counts: [], giveBack: async () => {} };

export function createLimiter(counters: Counters, limits: RateLimits): Limiter {
  async function take(tries: readonly LimitedAction[], now: Date): Promise<CountedActions> {
    if (limits === 'off' || tries.length === 0) return notCounted;
    const hits = tries.map(({ limit, of }) => ({ limit, key: keyOf(limit, of), ...limits[limit] }));
    const counted = (await counters.hit(hits, now)).map((it, i) => ({ ...it, ...(hits[i] as (typeof hits)[number]) }));
    const isExceeded = ({ count, max }: (typeof counted)[number]) => count > max;
    const [last] = counted.filter(isExceeded).sort((a, b) => b.resetsAt.getTime() - a.resetsAt.getTime());
    return {
      exceeded: last && { limit: last.limit, until: last.resetsAt },
      counts: counted.map((it) => it.count),
      giveBack: () => counters.undo(counted),
    };
  }

  const refuseExceeded = ({ exceeded }: CountedActions, now: Date) => {
    if (exceeded) throw tooManyRequests(exceeded.until.getTime() - now.getTime(), exceeded.limit);
  };

  return {
    take,
    clear: (tries) => counters.clear(limits === 'off' ? [] : tries.map(({ limit, of }) => keyOf(limit, of))),
    async requireWithin(tries, now) {
      refuseExceeded(await take(tries, now), now);
    },
    async countIfDone(tries, now, act) {
      const taken = await take(tries, now);
      try {
        refuseExceeded(taken, now);
        return await act();
      } catch (error) {
        // After any other failure, it is unknown whether something was done, so the counts stay. If
        // the counts can't be undone, the refusal is still the answer.
        if (error instanceof Problem) await taken.giveBack().catch(() => {});
        throw error;
      }
    },
  };
}

/**
 * The problem of an exceeded limit. The answer does not name the limit, since some limits would
 * show whether an address has a login. Only the audit log names it.
 * @param wait milliseconds until the next attempt is allowed.
 */
export const tooManyRequests = (wait: number, limit: LimitName | undefined) =>
  new Problem('too-many-requests', undefined, { retryAfter: Math.ceil(wait / 1000) }, { limit });

/**
 * The key that a limit is counted under. It is hashed, so that the store contains no addresses or
 * networks in clear.
 */
export function keyOf(limit: LimitName, of: string): string {
  return `${limit}:${shortHash(of)}`;
}

/** The largest values that the operator can set. */
const ceiling = { max: 1_000_000, window: 31 * day };

/**
 * Reads `RATE_LIMITS`: `off`, or limits that differ from the defaults, such as
 * `login.network=100/60, reset.address=5/3600` (attempts/seconds).
 * @throws an Error whose message lists all mistakes.
 */
export function parseRateLimits(text: string | undefined): RateLimits {
  if (text?.trim() === 'off') return 'off';
  const parsed = Object.fromEntries(Object.entries(limits).map(([name, { max, window }]) => [name, { max, window }]));
  const names = new Set<string>();
  const mistakes: string[] = [];
  for (const entry of text?.split(',').map((it) => it.trim()) ?? []) {
    const [, name = '', max, window] = /^([\w.-]+)\s*=\s*(\d+)\s*\/\s*(\d+)$/.exec(entry) ?? [];
    const rate = { max: Number(max), window: Number(window) };
    if (name === '')
      mistakes.push(`must be off, or limits such as login.network=100/60 separated by commas, not "${entry}"`);
    else if (!Object.hasOwn(limits, name)) mistakes.push(`contains an unknown limit: ${name}`);
    else if (names.has(name)) mistakes.push(`contains ${name} twice`);
    else if (!isRate(rate, maxWindow(name)))
      mistakes.push(`must set ${name} to 1 to ${ceiling.max} attempts in 1 to ${maxWindow(name)} seconds`);
    names.add(name);
    parsed[name] = rate;
  }
  if (mistakes.length > 0) throw new Error(mistakes.join('; '));
  return parsed as RateLimits;
}

const maxWindow = (name: string) => (limits[name as LimitName] as Limit).maxWindow ?? ceiling.window;

const isRate = ({ max, window }: Rate, longestWindow: number) =>
  max >= 1 && max <= ceiling.max && window >= 1 && window <= longestWindow;
