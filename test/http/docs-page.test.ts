import { existsSync } from 'node:fs';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { needsPostgres, newEmail, password, startService } from '../support/service.ts';

const executablePath = '/usr/bin/chromium';
const skip =
  needsPostgres('the same on either database, once is enough') || (!existsSync(executablePath) && 'no Chromium here');

// Keeps Chromium from making requests of its own.
const args = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

async function open(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath, args });
  t.teardown(() => browser.close());
  return browser;
}

t.test('a person can try the whole story at /docs in a browser', { skip }, async (t) => {
  const { app, tokenFor } = await startService(t);
  const base = await app.listen({ host: '127.0.0.1', port: 0 });
  const browser = await open(t);
  const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
  const complaints: string[] = [];
  const elsewhere: string[] = [];
  page.on('console', (it) => void (it.type() === 'error' && complaints.push(it.text())));
  page.on('pageerror', (error) => void complaints.push(String(error)));
  page.on(
    'request',
    (it) => void (/^(https?:\/\/127\.0\.0\.1|data:|blob:)/.test(it.url()) || elsewhere.push(it.url())),
  );
  await page.goto(`${base}/docs`);
  await page.locator('.opblock').first().waitFor();

  const olivia = newEmail('olivia');
  const adam = newEmail('adam');

  await t.test('the owner registers, verifies her address and logs in', async (t) => {
    t.match(await tryOut(page, 'register', { email: olivia }), { status: 202 });
    const chosen = { token: await tokenFor(olivia), name: 'Olivia Owner', password };
    t.match(await tryOut(page, 'verifyEmail', chosen), { status: 201 });
    const loggedIn = await tryOut(page, 'logIn', { email: olivia, password });
    t.match(loggedIn, { status: 200, body: { user: { name: 'Olivia Owner' } } });
    await authorize(page, String(loggedIn.body.accessToken));
  });

  let accountId = '';
  await t.test('the owner creates an account and invites a person with chosen permissions', async (t) => {
    const made = await tryOut(page, 'createAccount', { name: 'Example Hosting' });
    t.match(made, { status: 201, body: { name: 'Example Hosting' } });
    accountId = String(made.body.id);
    const invite = { email: adam, access: { permissions: ['invoices:read'] } };
    t.match(await tryOut(page, 'createInvite', invite, { accountId }), { status: 201, body: { status: 'pending' } });
    const pending = await tryOut(page, 'listInvites', undefined, { accountId, status: 'pending' });
    t.match(pending, { status: 200, body: { items: [{ email: adam }] } });
  });

  await t.test('the invitee previews the invite, accepts it by registering and becomes a member', async (t) => {
    await authorize(page);
    const token = await tokenFor(adam, 'invite');
    t.match(await tryOut(page, 'previewInvite', { token }), { status: 200, body: { hasLogin: false } });
    const register = { name: 'Adam Accountant', password: 'a long one for Adam' };
    const accepted = await tryOut(page, 'acceptInvite', { token, register });
    t.match(accepted, { status: 201, body: { session: { tokenType: 'Bearer' } } });
    await authorize(page, (accepted.body.session as { accessToken: string }).accessToken);
    const mine = await tryOut(page, 'listMyAccounts');
    t.match(mine, { status: 200, body: { items: [{ id: accountId, effectivePermissions: ['invoices:read'] }] } });
  });

  await t.test('a refusal is shown with its problem document', async (t) => {
    const refused = await tryOut(page, 'listMembers', undefined, { accountId });
    t.match(refused, { status: 403, body: { code: 'permission-missing', permission: 'members:read' } });
  });

  await t.test('nothing is fetched from other hosts, and the browser reports no errors', async (t) => {
    t.same(elsewhere, []);
    // The console also reports the intended refusal.
    t.same(
      complaints.filter((it) => !/status of 403/.test(it)),
      [],
    );
  });
  const { DOCS_SCREENSHOT: path } = process.env;
  if (path) await page.screenshot({ path, fullPage: false });
});

interface Shown {
  status: number;
  body: Record<string, unknown>;
}

/** Opens an operation, fills it in, executes it and reads the answer from the page. */
async function tryOut(
  page: Page,
  operationId: string,
  body?: object,
  parameters: Record<string, string> = {},
): Promise<Shown> {
  const block = page.locator(`.opblock[id$="-${operationId}"]`);
  await block.scrollIntoViewIfNeeded();
  if (!(await block.getAttribute('class'))?.includes('is-open')) await block.locator('.opblock-summary').click();
  for (const [name, value] of Object.entries(parameters))
    await fill(block.locator(`tr[data-param-name="${name}"]`), value);
  if (body) await block.locator('textarea.body-param__text').fill(JSON.stringify(body));
  await block.getByRole('button', { name: 'Execute' }).click();
  const answer = block.locator('.live-responses-table');
  await answer.waitFor();
  const status = Number.parseInt((await answer.locator('.response-col_status').last().textContent()) ?? '', 10);
  const text = await answer.locator('.response-col_description pre').first().textContent();
  await block.locator('.opblock-summary').first().click();
  return { status, body: JSON.parse(text ?? '{}') };
}

async function fill(row: Locator, value: string): Promise<void> {
  const choice = row.locator('select');
  if ((await choice.count()) > 0) await choice.selectOption(value);
  else await row.locator('input').fill(value);
}

/** Enters a token in the Authorize dialog, after logging out the previous user. */
async function authorize(page: Page, token?: string): Promise<void> {
  await page.locator('.auth-wrapper .authorize').first().click();
  const dialog = page.locator('.dialog-ux');
  const logout = dialog.getByRole('button', { name: 'Remove authorization' });
  if ((await logout.count()) > 0) await logout.click();
  if (token !== undefined) {
    await dialog.locator('input').fill(token);
    await dialog.getByRole('button', { name: 'Apply credentials' }).click();
  }
  await dialog.getByRole('button', { name: 'Close' }).last().click();
}
