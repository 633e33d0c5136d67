import { eq } from 'drizzle-orm';
import Fastify from 'fastify';
import type { Db } from '../../src/database/database.ts';
import { outbox } from '../../src/database/schema.ts';
import { loggerOptions } from '../../src/http/logging.ts';
import type { InviteId } from '../../src/ids/ids.ts';
import type { Mail, Outcome, Transport } from '../../src/mail/mail.ts';
import type { MessageWriter, MessageWriters } from '../../src/mail/outbox/message-writer.ts';
import { createWorker, type Worker, type WorkerOptions } from '../../src/mail/outbox/worker.ts';
import { messageWriters } from '../../src/mail-writers.ts';
import type { TestService } from './service.ts';

/** One more worker on the database of a service. */
export function workerOf(
  { service }: TestService,
  options: Pick<WorkerOptions, 'transport'> & Partial<WorkerOptions>,
): Worker {
  const { mailBacklogRate: backlogRate } = service.config;
  return createWorker({ service, writers: messageWriters(service), log: silentLog, backlogRate, ...options });
}

/** One letter for every kind of mail. */
export const always = (letter: MessageWriter): MessageWriters => ({
  invite: letter,
  registration: letter,
  'password-reset': letter,
  'password-changed': letter,
  'email-change': letter,
  'email-changed': letter,
  'identity-linked': letter,
  'invite-reminder': letter,
  'ownership-offered': letter,
  'membership-removed': letter,
});

/** The service's log as it is written, line by line. */
export function logTo(lines: string[]) {
  const stream = { write: (line: string) => void lines.push(line) };
  return Fastify({ logger: { ...loggerOptions('trace'), stream } }).log;
}

const silentLog = { info() {}, warn() {}, error() {} };

/** A transport that keeps what it is given, and answers as it is told. */
export function keepingTransport(answer: Outcome | ((mail: Mail) => Outcome | Promise<Outcome>) = { outcome: 'sent' }) {
  const mails: Mail[] = [];
  const transport: Transport = async (mail) => {
    mails.push(mail);
    return typeof answer === 'function' ? answer(mail) : answer;
  };
  return { mails, transport };
}

/** The promised mails of an invite, oldest first. */
export function promisesOf(db: Db, inviteId: string) {
  return db
    .select()
    .from(outbox)
    .where(eq(outbox.inviteId, inviteId as InviteId))
    .orderBy(outbox.createdAt, outbox.id);
}
