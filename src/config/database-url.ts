import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { requireEscapes } from './setting-values.ts';

/** The parameters that the driver supports. It silently ignores all others, even those for TLS. */
const parameters = [
  'host',
  'port',
  'user',
  'password',
  'options',
  'application_name',
  'fallback_application_name',
  'client_encoding',
  'ssl',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslnegotiation',
  'uselibpqcompat',
];

const example = 'postgres://user:password@host:5432/database';

/**
 * Validates a Postgres connection URI and the files that it refers to.
 * @throws an Error that says what is wrong and contains no user or password.
 */
export function readDatabaseUrl(text: string): string {
  if (!/^postgres(ql)?:\/\//.test(text)) throw new Error(`must be a URL that begins with postgres:// or postgresql://`);
  requireEscapes(text);
  const [authority = ''] = text.slice(text.indexOf('://') + 3).split(/[/?]/, 1);
  if (authority.slice(authority.lastIndexOf('@') + 1).includes(',')) throw new Error(severalHosts);
  if (!URL.canParse(text)) throw new Error(`must be a URL such as ${example}`);
  const url = new URL(text);
  const { username, password, hostname, pathname, search } = url;
  if (![username, password, hostname, pathname, search].every(isText)) {
    throw new Error('has escapes that are not UTF-8');
  }
  const { searchParams } = url;
  const names = [...searchParams.keys()];
  // An unknown name may be the rest of a password that contains an unescaped &.
  if (names.some((name) => !parameters.includes(name))) throw new Error(unknownParameter);
  // The driver uses the last value; the checks below read the first.
  const repeated = names.find((name, index) => names.indexOf(name) < index);
  if (repeated !== undefined) throw new Error(`has the parameter "${repeated}" more than once; keep one`);
  const host = searchParams.get('host') ?? '';
  const port = searchParams.get('port') ?? url.port;
  if (host.includes(',') || port.includes(',')) throw new Error(severalHosts);
  if (port !== '' && !isPort(port)) throw new Error('must have a port from 1 to 65535');
  requireTls(searchParams);
  return text;
}

const isPort = (text: string) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535;

function isText(escaped: string): boolean {
  try {
    decodeURIComponent(escaped);
    return true;
  } catch {
    return false;
  }
}

// `ssl` has its own message.
const unknownParameter = `has an unsupported parameter. Remove it, or write & as %26 if it is part of a value. Supported: ${parameters.filter((it) => it !== 'ssl').join(', ')}`;

const severalHosts = 'names several hosts; only one is supported. Use the address of the primary or of a pooler';

/**
 * What to use instead of the modes that the driver treats differently from PostgreSQL's own tools.
 */
const modes: Record<string, string> = {
  allow: 'verify-full, or disable',
  prefer: 'verify-full, or disable',
  require: 'verify-full, or no-verify, which encrypts and trusts any certificate',
  'verify-ca': 'verify-full',
};

function requireTls(searchParams: URLSearchParams): void {
  const value = (name: string) => searchParams.get(name) ?? undefined;
  const [mode, ssl, cert, key, root] = ['sslmode', 'ssl', 'sslcert', 'sslkey', 'sslrootcert'].map(value);
  if (mode !== undefined && modes[mode] && value('uselibpqcompat') !== 'true') {
    throw new Error(`has sslmode=${mode}, which the driver does not treat as PostgreSQL does: use ${modes[mode]}`);
  }
  if (mode !== undefined && !['disable', 'verify-full', 'no-verify', ...Object.keys(modes)].includes(mode)) {
    throw new Error('has an unknown sslmode: use verify-full, no-verify or disable');
  }
  if (mode === 'allow' || (mode === 'verify-ca' && root === undefined)) {
    throw new Error(
      `has sslmode=${mode}, which is not supported${mode === 'allow' ? '' : ' without sslrootcert'}: use verify-full`,
    );
  }
  if (ssl !== undefined) throw new Error('has the parameter "ssl": use sslmode=verify-full, no-verify or disable');
  if (!['postgres', 'direct', undefined].includes(value('sslnegotiation'))) {
    throw new Error('has an unknown sslnegotiation: use postgres or direct');
  }
  if (mode === 'disable' && (cert ?? key ?? root) !== undefined) {
    throw new Error('has sslmode=disable and TLS files: use sslmode=verify-full, or remove the files');
  }
  if ((cert === undefined) !== (key === undefined)) throw new Error('needs both sslcert and sslkey, or neither');
  requireFile('sslrootcert', root, 'certificates in PEM', (pem) => new X509Certificate(pem));
  requireFile('sslcert', cert, 'a certificate in PEM', (pem) => new X509Certificate(pem));
  requireFile('sslkey', key, 'a private key in PEM without a passphrase', (pem) => createPrivateKey(pem));
}

function requireFile(name: string, path: string | undefined, content: string, read: (pem: Buffer) => unknown): void {
  if (path === undefined) return;
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch {
    throw new Error(`has ${name}=${path}, which cannot be read`);
  }
  try {
    read(pem);
  } catch {
    throw new Error(`has ${name}=${path}, which does not contain ${content}`);
  }
}
