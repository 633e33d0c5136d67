import Bowser from 'bowser';

/** A client in words that its user knows it by, such as `Firefox on Windows`; what it calls itself may be anything. */
export function deviceOf(userAgent: string | null): string {
  if (!userAgent) return 'Unknown device';
  const { browser, os } = Bowser.parse(userAgent);
  const program = browser.name || /^[\w.-]{1,40}/.exec(userAgent)?.[0];
  return [program, os.name].filter(Boolean).join(' on ').slice(0, 200) || 'Unknown device';
}
