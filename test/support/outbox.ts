import { eq } from 'drizzle-orm';
import Fastify from 'fastify';
import type { Db } from '../../src/database/database.ts';
import { outbox } from '../../src/database/schema.ts';
import { loggerOptions } from '../../src/http/logging.ts';
import type { InviteId } from '../../src/ids/ids.ts';
import type { Mail, SendOutcome, Transport } from '../../src/mail/mail.ts';
import type { MessageWriter, MessageWriters } from '../../src/mail/outbox/message-writer.ts';
import { createWorker, type Worker, type WorkerOptions } from '../../src/mail/outbox/worker.ts';
import { messageWriters } from '../../src/mail-writers.ts';
import type { TestService } from './service.ts';

/** Creates another worker for the database of a service. */
export function createTestWorker(
  { service }: TestService,
  options: Pick<WorkerOptions, 'transport'> & Partial<WorkerOptions>,
): Worker {
  const { mailBacklogRate: backlogRate } = service.config;
  return createWorker({ service, writers: messageWriters(service), log: silentLog, backlogRate, ...options });
}

/** The same writer for every kind of message. */
export const forAllKinds = (writer: MessageWriter): MessageWriters => ({
  invite: writer,
  registration: writer,
  'password-reset': writer,
  'password-changed': writer,
  'email-change': writer,
  'email-changed': writer,
  'identity-linked': writer,
  'invite-reminder': writer,
  'ownership-offered': writer,
  'membership-removed': writer,
});

/** A log that appends its lines to a list. */
export function logTo(lines: string[]) {
  const stream = { write: (line: string) => void lines.push(line) };
  return Fastify({ logger: { ...loggerOptions('trace'), stream } }).log;
}

const silentLog = { info() {}, warn() {}, error() {} };

/** A transport that records mails and returns a fixed or computed outcome. */
export function recordingTransport(
  answer: SendOutcome | ((mail: Mail) => SendOutcome | Promise<SendOutcome>) = { outcome: 'sent' },
) {
  const mails: Mail[] = [];
  const transport: Transport = async (mail) => {
    mails.push(mail);
    return typeof answer === 'function' ? answer(mail) : answer;
  };
  return { mails, transport };
}

/** The outbox messages of an invite, oldest first. */
export function messagesOf(db: Db, inviteId: string) {
  return db
    .select()
    .from(outbox)
    .where(eq(outbox.inviteId, inviteId as InviteId))
    .orderBy(outbox.createdAt, outbox.id);
}
