import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningApi, startApi } from '../../../api/server.js';
import { openDoor, secret } from './door.js';

let api: RunningApi;
let browser: Browser;
beforeAll(async () => {
  api = await startApi(openDoor().app, '127.0.0.1', 0);
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser.close();
  await api.stop(0);
});

it('shows the contract without a key, and asks nobody but the service', async () => {
  const page = await browser.newPage();
  const elsewhere: string[] = [];
  const refused: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(api.url) && !request.url().startsWith('data:')) elsewhere.push(request.url());
  });
  page.on('console', (message) => {
    if (message.type() === 'error') refused.push(message.text());
  });
  page.on('pageerror', (error) => refused.push(error.message));
  page.on('response', (response) => {
    if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`);
  });
  await page.goto(`${api.url}/docs`);
  await page.locator('#operations-default-openRun').waitFor();
  expect(await page.locator('.opblock').count()).toBeGreaterThan(20);

  // Opened, and tried with a key.
  await page.locator('#operations-default-listPlaybooks .opblock-summary-control').click();
  await page.locator('#operations-default-listPlaybooks').getByText('200', { exact: true }).first().waitFor();
  await page.getByRole('button', { name: 'Authorize' }).first().click();
  await page.locator('.auth-container input').first().fill(secret);
  await page.locator('.auth-container').first().getByRole('button', { name: 'Apply credentials' }).click();
  await page.locator('.close-modal').click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('button', { name: 'Execute' }).click();
  await page.locator('.live-responses-table').getByText('a-f-02').first().waitFor();
  expect({ elsewhere, refused }).toEqual({ elsewhere: [], refused: [] });
});

it('lets the page load nothing else, and be in no frame', async () => {
  const answer = await fetch(`${api.url}/docs`);
  expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
  for (const path of ['package.json', 'index.html', '..%2f..%2fpackage.json', 'swagger-ui.css.map'])
    expect([path, (await fetch(`${api.url}/docs/${path}`)).status >= 400]).toEqual([path, true]);
});
