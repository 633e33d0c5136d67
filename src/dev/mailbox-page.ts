/** stub replaced below */
export function mailboxPage(_items: unknown[], _to: string | undefined): string {
  return '<!doctype html><title>Mailbox</title>';
}
