import { Type } from 'typebox';
import { AccountReference } from '../../accounts/schemas.ts';
import { cursorOf, PagingQuery, pageOf } from '../../http/paging.ts';
import { Email, idSchema, ref, Time } from '../../http/schemas.ts';
import { linkToken } from '../schemas.ts';

export const OptedOut = Type.Object(
  { account: ref(AccountReference), email: Email },
  { $id: 'OptedOut', additionalProperties: false, description: 'The account can no longer invite this address.' },
);

export const OneClickQuery = Type.Object(
  { token: { ...linkToken, description: 'The token in the `List-Unsubscribe` header of the mail.' } },
  { additionalProperties: false },
);

export const OneClick = Type.Object(
  { 'List-Unsubscribe': Type.Literal('One-Click') },
  {
    $id: 'OneClick',
    additionalProperties: false,
    description: 'The form that mail clients send (RFC 8058, 3.2).',
    examples: [{ 'List-Unsubscribe': 'One-Click' }],
  },
);

export const ReportedInvite = Type.Object(
  { account: ref(AccountReference), email: Email },
  {
    $id: 'ReportedInvite',
    additionalProperties: false,
    description: 'The report is recorded for the operator, and the account can no longer invite this address.',
  },
);

export const MyOptOutParams = Type.Object({ accountId: idSchema('acc') });

export const MyOptOutsQuery = Type.Object({ ...PagingQuery, cursor: cursorOf('acc') }, { additionalProperties: false });

export const MyOptOut = Type.Object(
  { account: ref(AccountReference), createdAt: Time },
  { $id: 'MyOptOut', additionalProperties: false, description: 'An account that you opted out of.' },
);

export const MyOptOutPage = pageOf(MyOptOut, 'MyOptOutPage', 'acc');
