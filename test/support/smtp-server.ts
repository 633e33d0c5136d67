import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { text as textOf } from 'node:stream/consumers';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import type { Test } from 'tap';

/** A received mail, raw and parsed. */
export interface Received {
  from: string;
  to: string[];
  /** The user who logged in. */
  user: string | undefined;
  isSecure: boolean;
  /** The raw bytes. */
  raw: string;
  /** The raw headers. */
  head: string;
  read: Email;
}

/**
 * A reply code for each stage at which the server refuses. Like a real server, it quotes what it
 * refuses.
 */
export type SmtpRefusals = Partial<Record<'greeting' | 'login' | 'sender' | 'recipient' | 'content', number>>;

export type SmtpTestServer = Awaited<ReturnType<typeof startSmtpServer>>;

/** Starts a mail server that records the mails it accepts. Without TLS by default. */
export async function startSmtpServer(t: Test, options: SMTPServerOptions = {}) {
  const mails: Received[] = [];
  const logins: { user: string | undefined; password: string | null | undefined }[] = [];
  let refusals: SmtpRefusals = {};
  let seen = '';
  const answer = (stage: keyof SmtpRefusals): Error | null => {
    const code = refusals[stage];
    return code === undefined ? null : Object.assign(new Error(`refused ${seen}`), { responseCode: code });
  };
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    authOptional: true,
    allowInsecureAuth: true,
    onConnect: (_, done) => done(answer('greeting')),
    onAuth({ username, password }, _, done) {
      logins.push({ user: username, password });
      seen += `${username}:${password} `;
      done(answer('login'), { user: username });
    },
    onMailFrom({ address }, _, done) {
      seen += `${address} `;
      done(answer('sender'));
    },
    onRcptTo({ address }, _, done) {
      seen += `${address} `;
      done(answer('recipient'));
    },
    onData(stream, { envelope, user, secure }, done) {
      textOf(stream).then(async (raw) => {
        seen += raw.replaceAll(/\s+/g, ' ');
        const refusal = answer('content');
        if (refusal) return done(refusal);
        const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
        const to = envelope.rcptTo.map((it) => it.address);
        const head = raw.slice(0, raw.indexOf('\r\n\r\n'));
        mails.push({ from, to, user, isSecure: secure, raw, head, read: await PostalMime.parse(raw) });
        done();
      }, done);
    },
    closeTimeout: 1,
    ...options,
  });
  // In some tests, clients disconnect early.
  server.on('error', () => {});
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  t.teardown(() => new Promise<void>((done) => server.close(done)));
  const { port } = server.server.address() as AddressInfo;
  return {
    port,
    /** All accepted mails, in order. */
    mails,
    mailsTo: (email: string) => mails.filter((it) => it.to.includes(email)),
    /** The login attempts, in order. */
    logins,
    /** Sets the refusals for later mails. */
    refuse(next: SmtpRefusals) {
      refusals = next;
      seen = '';
    },
  };
}

/** The reaction to a line: a reply, nothing, closing the connection, or an endless reply. */
export type Reply = string | 'hang' | 'cut' | 'drip';

/**
 * Starts a server that replies as the test specifies, and records the lines it receives.
 * @param reply the reply to a line, or to a new connection if `line` is undefined.
 */
export async function startScriptedServer(t: Test, reply: (line: string | undefined) => Reply) {
  const lines: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => {}).on('close', () => sockets.delete(socket)));
    const say = (what: Reply) => {
      if (what === 'hang') return;
      if (what === 'cut') return void socket.destroy();
      if (what !== 'drip') return void socket.write(`${what}\r\n`);
      const dripping = setInterval(() => socket.write('250-more\r\n'), 20);
      socket.on('close', () => clearInterval(dripping));
    };
    say(reply(undefined));
    let rest = '';
    socket.setEncoding('utf8').on('data', (chunk) => {
      const [last = '', ...whole] = (rest + chunk).split('\r\n').reverse();
      rest = last;
      for (const line of whole.reverse()) {
        lines.push(line);
        say(reply(line));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { port, lines, isConnected: () => sockets.size > 0 };
}
