/** A program of its own, for operators: `npm run outbox`. */
import { parseArgs } from 'node:util';
import { type DeliveryId, idPattern } from '../ids/ids.ts';
import { recordQueuedAgain } from '../invites/deliveries/store.ts';
import { listOutbox, requireMail, retryFailed, retryMail } from '../mail/outbox/operator-actions.ts';
import { fail, limitOf, type Operation, onDatabase } from './program.ts';

const usage = `Usage: npm run outbox -- [<command>]

  list [--status=queued|failed] [--limit=<number>]
                            what waits to be sent, longest due first, and what was given up, newest first;
                            up to <number> of each, 50 unless said, and 1000 at most
  show <mail>               one mail
  retry <mail>              puts a mail back that was given up
  retry --failed [--since=<time>]
                            puts back every mail that was given up (since then)

<mail> is an id (dlv_…), <time> such as 2026-11-25T09:30:00Z. It says nothing of what a mail says, or to
whom. It takes the settings of the service, which may run meanwhile, unless it is on the embedded database.
`;

const isMail = new RegExp(idPattern('dlv'));

const options = {
  status: { type: 'string' },
  limit: { type: 'string' },
  failed: { type: 'boolean' },
  since: { type: 'string' },
} as const;

type Work = (operation: Operation) => Promise<unknown>;

const work = workIn(process.argv.slice(2));
if (!work) fail(usage, 2);
else await onDatabase(work);

/** What the words of the command line ask for; undefined where they ask for nothing that there is. */
function workIn(args: string[]): Work | undefined {
  try {
    const { values, positionals } = parseArgs({ args, allowPositionals: true, options });
    const [command = 'list', id, ...more] = positionals;
    const given = Object.keys(values).sort().join(' ');
    if (more.length > 0 || (id !== undefined && !isMail.test(id))) return undefined;
    if (command === 'list' && id === undefined) return listing(values, given);
    if (command === 'show' && id !== undefined && given === '') return ({ db }) => requireMail(db, id as DeliveryId);
    if (command === 'retry' && id !== undefined && given === '') {
      return (operation) => retryMail(operation, id as DeliveryId, recordQueuedAgain);
    }
    return command === 'retry' && id === undefined ? retrying(values, given) : undefined;
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

function listing({ status, limit = '50' }: Values, given: string): Work | undefined {
  const most = limitOf(limit);
  const isKnown = status === undefined || status === 'queued' || status === 'failed';
  if (most === undefined || !isKnown || /failed|since/.test(given)) return undefined;
  return ({ db, now }) => listOutbox(db, { status, limit: most }, now);
}

function retrying({ failed, since }: Values, given: string): Work | undefined {
  const from = since === undefined ? new Date(0) : new Date(since);
  if (!failed || Number.isNaN(from.getTime()) || /limit|status/.test(given)) return undefined;
  return (operation) => retryFailed(operation, from, recordQueuedAgain);
}
