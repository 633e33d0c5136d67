const day = 24 * 3_600_000;

/** When an invite that is sent now expires. */
export function expiryOf(now: Date, days: number): Date {
  return new Date(now.getTime() + days * day);
}
