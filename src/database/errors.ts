/** SQLSTATE codes (and Node's and pg's own words) that mean: the database is away. */
const away = /^(08|57P|58|ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)/;
/** SQLSTATE codes that mean: it is there, and could not do this in time, or beside what it does for others. */
const busy = /^(53|57014|55P03|40001|40P01|25P03)/;
const awayInWords =
  /^(Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client (has encountered a connection error|was closed)|PGlite is clos|Cannot use a pool after)/;

interface DriverError {
  code?: unknown;
  message?: unknown;
  constraint?: unknown;
}

/** The driver's own error below whatever wraps it. */
export function driverError(error: unknown): DriverError {
  let inner = error as { cause?: unknown };
  while (inner?.cause !== undefined && inner.cause !== null) inner = inner.cause as { cause?: unknown };
  return (inner ?? {}) as DriverError;
}

/** Whether an error says that the database can't answer at the moment, so that trying again later makes sense. */
export function isUnavailable(error: unknown): boolean {
  return isAway(error) || busy.test(String(driverError(error).code ?? ''));
}

/** Whether an error says that the database can't be reached, or does not answer. */
export function isAway(error: unknown): boolean {
  const { code, message } = driverError(error);
  return away.test(String(code ?? '')) || awayInWords.test(String(message ?? ''));
}

/** Whether an error is the answer to one statement: the database refused it, and would not refuse others. */
export function isOfStatement(error: unknown): boolean {
  return /^[0-9A-Z]{5}$/.test(String(driverError(error).code ?? '')) && !isAway(error);
}

/** Whether a statement was sent and nothing came back in time: the connection it went over is of no use any more. */
export function isUnanswered(error: unknown): boolean {
  return driverError(error).message === 'Query read timeout';
}

/**
 * Whether an error says that a row with the same key exists (SQLSTATE 23505), in the named constraint or index. On Citus, the
 * name in the error ends with the number of the shard.
 */
export function isDuplicate(error: unknown, constraint: string): boolean {
  const { code, constraint: violated } = driverError(error);
  return code === '23505' && String(violated).replace(/_\d+$/, '') === constraint;
}
