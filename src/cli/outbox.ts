/** Program: `npm run outbox` shows and retries mails. */
import { parseArgs } from 'node:util';
import { type DeliveryId, idPattern } from '../ids/ids.ts';
import { recordQueuedAgain } from '../invites/deliveries/store.ts';
import { listOutbox, requireMail, retryFailed, retryMail } from '../mail/outbox/operator-actions.ts';
import { fail, type OperatorContext, onDatabase, parseLimit } from './program.ts';

const usage = `Usage: npm run outbox -- [<command>]

  list [--status=queued|failed] [--limit=<number>]
                            lists queued mails, longest due first, and failed mails, newest first:
                            at most <number> of each (default: 50, maximum: 1000)
  show <mail>               shows one mail
  retry <mail>              queues a failed mail again
  retry --failed [--since=<time>]
                            queues all failed mails again, or those that failed since <time>

<mail> is an id (dlv_…), <time> a time such as 2026-11-25T09:30:00Z. The output contains no addresses
and no content of mails. Run this with the settings of the service. The service may be running, unless
it uses the embedded database.
`;

const mailIdPattern = new RegExp(idPattern('dlv'));

const options = {
  status: { type: 'string' },
  limit: { type: 'string' },
  failed: { type: 'boolean' },
  since: { type: 'string' },
} as const;

type Work = (context: OperatorContext) => Promise<unknown>;

const work = parseCommand(process.argv.slice(2));
if (!work) fail(usage, 2);
else await onDatabase(work);

/** The work that the command line requests; undefined on usage errors. */
function parseCommand(args: string[]): Work | undefined {
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
    const [command = 'list', id, ...more] = positionals;
    const flags = Object.keys(values).sort().join(' ');
    if (more.length > 0 || (id !== undefined && !mailIdPattern.test(id))) return undefined;
    if (command === 'list' && id === undefined) return listWork(values, flags);
    if (command === 'show' && id !== undefined && flags === '') return ({ db }) => requireMail(db, id as DeliveryId);
    if (command === 'retry' && id !== undefined && flags === '') {
      return (context) => retryMail(context, id as DeliveryId, recordQueuedAgain);
    }
    return command === 'retry' && id === undefined ? retryWork(values, flags) : undefined;
  } catch {
    return undefined;
  }
}

interface Values {
  status?: string;
  limit?: string;
  failed?: boolean;
  since?: string;
}

function listWork({ status, limit = '50' }: Values, flags: string): Work | undefined {
  const max = parseLimit(limit);
  const isStatus = status === undefined || status === 'queued' || status === 'failed';
  if (max === undefined || !isStatus || /failed|since/.test(flags)) return undefined;
  return ({ db, now }) => listOutbox(db, { status, limit: max }, now);
}

function retryWork({ failed, since }: Values, flags: string): Work | undefined {
  const from = since === undefined ? new Date(0) : new Date(since);
  if (!failed || Number.isNaN(from.getTime()) || /limit|status/.test(flags)) return undefined;
  return (context) => retryFailed(context, from, recordQueuedAgain);
}
