import t from 'tap';
import { newId } from '../../src/ids/ids.ts';
import { type Access, newEmail, startService, type TestAccount, type TestUser } from '../support/service.ts';

const { call, newAccount, newMember, newUser, invite, tokenFor } = await startService(t);

const invoices: Access = { permissions: ['invoices:read'] };
const all: Access = { allPermissions: true };

const url = (account: TestAccount) => `${account.url}/ownership-transfer`;
const offer = (account: TestAccount, by: TestUser, to: { id: string }) =>
  call('POST', url(account), { body: { userId: to.id }, token: by.token });
const accept = (account: TestAccount, by: TestUser) => call('POST', `${url(account)}/accept`, { token: by.token });
const end = (account: TestAccount, by: TestUser) => call('DELETE', url(account), { token: by.token });

const pendingOffer = async (account: TestAccount) =>
  (await call('GET', account.url, { token: account.owner.token })).body.ownershipTransfer;
const ownerId = async (account: TestAccount) =>
  (await call('GET', account.url, { token: account.owner.token })).body.ownerId;
const findMember = async (account: TestAccount, { id }: TestUser) =>
  (await call('GET', `${account.url}/members/${id}`, { token: account.owner.token })).body;

t.test('Ownership changes only by an offer that the new owner accepts', async (t) => {
  t.test('an offer changes nothing, and is shown to its member and to callers with `members:read`', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, invoices, 'Nora Next');
    t.equal(await pendingOffer(account), null);
    const offered = await offer(account, account.owner, member);
    t.match(offered, { status: 201, body: { user: { id: member.id, email: member.email, name: 'Nora Next' } } });
    t.same(await pendingOffer(account), offered.body);
    const seen = await call('GET', account.url, { token: member.token });
    t.match(seen.body, { ownerId: account.owner.id, ownershipTransfer: { user: { id: member.id } } });
    const other = await newMember(account, invoices);
    t.equal((await call('GET', account.url, { token: other.token })).body.ownershipTransfer, null);
    t.match(await findMember(account, member), { isOwner: false, access: { allPermissions: false } });
  });

  t.test('after the accept there is one owner, and the former owner keeps all permissions', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, invoices);
    await offer(account, account.owner, member);
    const accepted = await accept(account, member);
    t.match(accepted, { status: 200, body: { id: account.id, ownerId: member.id, ownershipTransfer: null } });
    t.equal(await ownerId(account), member.id);
    t.match(await findMember(account, member), { isOwner: true, access: { allPermissions: true, permissions: [] } });
    t.match(await findMember(account, account.owner), {
      isOwner: false,
      status: 'active',
      access: { allPermissions: true, permissions: [] },
    });
    t.match(
      await offer(account, account.owner, member),
      { status: 403, code: 'cannot-grant' },
      'the former owner can no longer offer it',
    );
    const removed = await call('DELETE', `${account.url}/members/${account.owner.id}`, { token: member.token });
    t.equal(removed.status, 204, 'the former owner can be removed');
    const last = await call('DELETE', `${account.url}/members/me`, { token: member.token });
    t.match(last, { status: 409, code: 'owner-protected' }, 'the new owner cannot leave');
  });

  t.test('the former owner’s invites can still be accepted', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, invoices);
    const email = newEmail();
    await invite(account, account.owner, email, all);
    const user = await newUser(email);
    await offer(account, account.owner, member);
    await accept(account, member);
    const { body } = await call('GET', '/v1/me/invites', { token: user.token });
    const accepted = await call('POST', `/v1/me/invites/${body.items[0].id}/accept`, { token: user.token });
    t.equal(accepted.status, 201);
  });

  t.test('an offer is accepted once, and only by the member it was made to', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, invoices);
    const deputy = await newMember(account, all);
    t.match(await accept(account, member), { status: 404, code: 'not-found' }, 'there is no offer');
    await offer(account, account.owner, member);
    for (const other of [deputy, account.owner]) {
      t.match(await accept(account, other), { status: 404, code: 'not-found' });
    }
    t.match(await accept(account, await newUser()), { status: 404, code: 'not-found' }, 'a non-member');
    t.equal(await ownerId(account), account.owner.id);
    t.equal((await accept(account, member)).status, 200);
    t.match(await accept(account, member), { status: 404, code: 'not-found' });
  });

  t.test('a new offer replaces an earlier one', async (t) => {
    const account = await newAccount();
    const [first, second] = [await newMember(account, invoices), await newMember(account, invoices)];
    await offer(account, account.owner, first);
    t.equal((await offer(account, account.owner, second)).status, 201);
    t.match(await pendingOffer(account), { user: { id: second.id } });
    t.match(await accept(account, first), { status: 404 });
    t.match(await accept(account, second), { status: 200, body: { ownerId: second.id } });
  });

  t.test('the owner can withdraw an offer and its member can decline it; nobody else can end it', async (t) => {
    const account = await newAccount();
    const [member, deputy] = [await newMember(account, invoices), await newMember(account, all)];
    for (const by of [account.owner, member]) {
      await offer(account, account.owner, member);
      t.match(await end(account, deputy), { status: 403, code: 'cannot-grant' });
      t.match(await pendingOffer(account), { user: { id: member.id } });
      t.match(await end(account, by), { status: 204, body: undefined });
      t.equal(await pendingOffer(account), null);
      t.match(await accept(account, member), { status: 404 });
    }
    t.match(await end(account, account.owner), { status: 404, code: 'not-found' }, 'there is no offer to end');
    t.match(await end(account, member), { status: 403, code: 'cannot-grant' });
  });

  t.test('only the owner can offer it, not members with all permissions', async (t) => {
    const account = await newAccount();
    const [member, deputy] = [await newMember(account, invoices), await newMember(account, all)];
    for (const [by, to] of [
      [deputy, member],
      [deputy, deputy],
      [member, member],
    ] as const) {
      t.match(await offer(account, by, to), { status: 403, code: 'cannot-grant' });
    }
    const stranger = await newUser();
    t.match(await offer(account, stranger, stranger), { status: 404, code: 'not-found' });
    t.equal(await pendingOffer(account), null);
  });

  t.test('it can only be offered to an active member of the account who is not the owner', async (t) => {
    const account = await newAccount();
    const elsewhere = await newMember(await newAccount(), all);
    const suspended = await newMember(account, all);
    await call('POST', `${account.url}/members/${suspended.id}/suspend`, { token: account.owner.token });
    t.match(await offer(account, account.owner, elsewhere), { status: 404, code: 'not-found' });
    t.match(await offer(account, account.owner, { id: newId('usr') }), { status: 404, code: 'not-found' });
    t.match(await offer(account, account.owner, suspended), { status: 409, code: 'member-suspended' });
    t.match(await offer(account, account.owner, account.owner), {
      status: 400,
      code: 'invalid-request',
      body: { errors: [{ pointer: '/userId' }] },
    });
    for (const body of [{}, { userId: 'me' }, { userId: 7 }, { userId: newId('usr'), more: 1 }]) {
      t.match(await call('POST', url(account), { body, token: account.owner.token }), {
        status: 400,
        code: 'invalid-request',
      });
    }
    t.equal(await pendingOffer(account), null);
  });

  t.test('an offer ends with the membership of its member', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, invoices);
    await offer(account, account.owner, member);
    await call('DELETE', `${account.url}/members/me`, { token: member.token });
    t.equal(await pendingOffer(account), null);
    await invite(account, account.owner, member.email, invoices);
    const body = { token: await tokenFor(member.email) };
    await call('POST', '/v1/invites/accept', { body, token: member.token });
    t.match(
      await accept(account, member),
      { status: 404, code: 'not-found' },
      'the offer is not restored with the membership',
    );
    t.equal(await ownerId(account), account.owner.id);
  });

  t.test('a suspended member cannot accept an offer', async (t) => {
    const account = await newAccount();
    const member = await newMember(account, invoices);
    await offer(account, account.owner, member);
    await call('POST', `${account.url}/members/${member.id}/suspend`, { token: account.owner.token });
    t.match(await accept(account, member), { status: 404, code: 'not-found' });
    t.equal(await ownerId(account), account.owner.id);
    t.match(await end(account, account.owner), { status: 204 }, 'the owner can withdraw it');
  });

  t.test('an offer is valid only in its own account', async (t) => {
    const [first, second] = [await newAccount(), await newAccount()];
    const member = await newMember(first, invoices);
    await invite(second, second.owner, member.email, invoices);
    const body = { token: await tokenFor(member.email) };
    await call('POST', '/v1/invites/accept', { body, token: member.token });
    await offer(first, first.owner, member);
    t.match(await accept(second, member), { status: 404, code: 'not-found' });
    t.equal(await ownerId(second), second.owner.id);
    t.equal((await accept(first, member)).status, 200);
  });
});
