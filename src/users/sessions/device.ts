import Bowser from 'bowser';

/**
 * A display name for a client, such as `Firefox on Windows`, from its `User-Agent` header, which
 * may contain anything.
 */
export function deviceName(userAgent: string | null): string {
  if (!userAgent) return 'Unknown device';
  const { browser, os } = Bowser.parse(userAgent);
  const program = browser.name || /^[\w.-]{1,40}/.exec(userAgent)?.[0];
  return [program, os.name].filter(Boolean).join(' on ').slice(0, 200) || 'Unknown device';
}
