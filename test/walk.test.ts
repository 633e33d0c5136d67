import t from 'tap';
import { newEmail, password, startService } from './support/service.ts';

t.test('An owner invites a user, who registers and accesses the account', async (t) => {
  const { call, newAccount, invite, tokenFor } = await startService(t);
  const account = await newAccount();
  const email = newEmail('adam');

  const invited = await invite(account, account.owner, email, { permissions: ['invoices:read', 'invoices:pay'] });
  t.equal(invited.status, 201);
  const token = await tokenFor(email);
  const accepted = await call('POST', '/v1/invites/accept', { body: { token, register: { name: 'Adam', password } } });
  t.equal(accepted.status, 201);
  const adam = accepted.body.session;
  const seen = await call('GET', account.url, { token: adam.accessToken });
  t.equal(seen.status, 200, 'the invitee can access the account');
});
