import type { MailKind, MailValues } from './kinds.ts';

const link =
  'https://app.example.com/page#token=eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJodHRwczovL3VzaGVyLmV4YW1wbGUuY29tIn0.c2ln';
const until = new Date('2026-11-30T09:30:00Z');
const address = 'adam@example.com';
const account = 'Example Hosting';
const optOutLink = link.replace('page', 'no-more');
const reportLink = link.replace('page', 'report');
const person = { address, account, inviter: 'Olivia Owner', until, link, optOutLink, reportLink };
const chosen = {
  access: 'chosen',
  items: ['View invoices', 'Pay invoices'],
  message: 'Please pay the open invoices.\nThank you!',
};
const allPermissions = { access: 'all', items: [], message: null };
const memberOnly = { ...allPermissions, access: 'member' };
const ownership = { ...allPermissions, access: 'ownership' };

/**
 * Sample values of every mail, for previews and for checking an operator's templates at the start.
 */
const samples: Record<MailKind, MailValues[]> = {
  invite: [
    { ...person, ...chosen },
    { ...person, ...allPermissions },
    { ...person, ...memberOnly },
    { ...person, ...ownership },
  ],
  reminder: [
    { ...person, ...chosen },
    { ...person, ...allPermissions },
    { ...person, ...memberOnly },
    { ...person, ...ownership },
  ],
  'verify-email': [{ address, until, link }],
  'login-exists': [{ address }],
  'password-reset': [{ address, until, link }],
  'no-password': [{ address }],
  'password-changed': [
    { address, items: ['https://login.example.com'] },
    { address, items: [] },
  ],
  'email-change': [{ address, oldEmail: 'adam.old@example.com', until, link }],
  'email-changed': [{ address, newEmail: 'a…@example.org' }],
  'identity-linked': [{ address, items: ['https://login.example.com'] }],
  'ownership-offered': [{ address, account, owner: 'Olivia Owner' }],
  'membership-removed': [{ address, account }],
};

export const samplesOf = (kind: MailKind): MailValues[] => samples[kind];

const longName =
  'Bartholomew Featherstonehaugh-Cholmondeley of the Worshipful Company of Very Long Names and Titles, Esq.'.slice(
    0,
    100,
  );
const extremes = {
  inviter: longName,
  account: 'مضيف المثال للخدمات السحابية',
  message: 'x'.repeat(60) + ' and many more words. '.repeat(21),
  access: 'chosen',
  items: Array.from({ length: 200 }, (_, i) => `View and manage what there is to be managed, part ${i + 1}`),
};

/** Extreme values, for previews and tests: long and right-to-left names, and a long list. */
export function extremesOf(kind: MailKind): MailValues[] {
  return kind === 'invite' || kind === 'reminder' ? [{ ...person, ...extremes }] : [];
}
