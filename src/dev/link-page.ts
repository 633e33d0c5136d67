/** stub replaced below */
export function linkPage(_kind: 'invite' | 'verify-email'): string {
  return '<!doctype html><title>Link</title>';
}
