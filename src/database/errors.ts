/**
 * Errors that mean that no request can be served, by SQLSTATE or Node error code, or by message if
 * the driver gives no code.
 */
const outages: readonly { codes?: RegExp; text?: RegExp; reason: string }[] = [
  { codes: /^25006$/, reason: 'The database is read-only.' },
  // Poolers use 08P01 for nearly every error: only the message says what happened.
  {
    text: /^unsupported startup parameter/,
    reason: 'The pooler in front of the database refuses a startup parameter of DATABASE_URL.',
  },
  {
    codes: /^28/,
    text: /password authentication failed|^no such user|^SASL/,
    reason: 'The database rejects the user name or password in DATABASE_URL.',
  },
  {
    codes: /^3D000$/,
    text: /^no such database/,
    reason: 'The database that DATABASE_URL names does not exist.',
  },
  { codes: /^55000$/, reason: 'The database does not accept connections.' },
  { codes: /^42501$/, reason: 'The database role lacks a privilege that Usher needs.' },
  { codes: /^53300$/, reason: 'The database has no connection left.' },
  { codes: /^53100$|^ENOSPC$|^EDQUOT$|^EFBIG$/, reason: 'The database’s disk is full.' },
  {
    codes: /CERT|^UNABLE_TO_|^ERR_TLS|^ERR_SSL|^EPROTO/,
    text: /^The server does not support SSL/,
    reason: 'No trusted TLS connection to the database can be made.',
  },
  {
    codes: /^(08|57P|58|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT|EACCES)/,
    text: /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered a connection error|was closed)|PGlite is clos|Cannot use a pool after)/,
    reason: 'The database does not answer.',
  },
];

/**
 * SQLSTATE codes that mean that the database works, but is short of resources, or could not run the
 * statement in time or because of a conflict.
 */
const busy = /^(53|57014|55P03|40001|40P01|25P03)/;

interface DriverError {
  code?: unknown;
  message?: unknown;
  constraint?: unknown;
}

/** The driver's error inside the errors that wrap it. */
export function driverError(error: unknown): DriverError {
  let inner = error as { cause?: unknown };
  while (inner?.cause !== undefined && inner.cause !== null) inner = inner.cause as { cause?: unknown };
  return (inner ?? {}) as DriverError;
}

/** Whether an error is temporary: the database can't answer now, but may if the client retries. */
export function isUnavailable(error: unknown): boolean {
  return isConnectionLost(error) || busy.test(String(driverError(error).code ?? ''));
}

/**
 * Whether an error means that no request can be served: the database can't be reached, refuses
 * connections, or can't be written.
 */
export function isConnectionLost(error: unknown): boolean {
  return outageReason(error) !== undefined;
}

/**
 * Why no request can be served, as a sentence that names no host and no secret; undefined for any
 * other error.
 */
export function outageReason(error: unknown): string | undefined {
  const { code, message } = driverError(error);
  const [byCode, byText] = [String(code ?? ''), String(message ?? '')];
  return outages.find(({ codes, text }) => text?.test(byText) || codes?.test(byCode))?.reason;
}

/** Whether a pooler (PgBouncer) refused to connect because of a startup parameter. */
export function isStartupRefused(error: unknown): boolean {
  const { code, message } = driverError(error);
  return code === '08P01' && /unsupported startup parameter/.test(String(message));
}

/** Whether an error concerns one statement only: the database refused it, but would run others. */
export function isStatementError(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(String(driverError(error).code ?? '')) && !isConnectionLost(error);
}

/**
 * Whether an error is a unique violation (SQLSTATE 23505) of this constraint or index. On Citus,
 * the name in the error ends with the shard number.
 */
export function isDuplicate(error: unknown, constraint: string): boolean {
  const { code, constraint: violated } = driverError(error);
  return code === '23505' && String(violated).replace(/_\d+$/, '') === constraint;
}
