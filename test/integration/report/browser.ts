import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** What a page did that a report must not do. */
export interface Watched {
  readonly page: Page;
  /** Dialogs that scripts opened. */
  readonly dialogs: string[];
  /** Requests for anything but the page itself. */
  readonly requests: string[];
  /** What the browser refused by policy, and errors of scripts. */
  readonly refused: string[];
}

/** A real Chromium, and a folder for the pages that it opens. */
export interface Stand {
  open(html: string, options?: BrowserContextOptions): Promise<Watched>;
  close(): Promise<void>;
}

export async function openStand(): Promise<Stand> {
  const folder = await mkdtemp(join(tmpdir(), 'podtriage-browser-'));
  const browser: Browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  let count = 0;
  return {
    async open(html, options = {}) {
      count += 1;
      const file = join(folder, `${count}.html`);
      await writeFile(file, html);
      const page = await (await browser.newContext(options)).newPage();
      const watched: Watched = { page, dialogs: [], requests: [], refused: [] };
      watch(watched, pathToFileURL(file).href);
      await page.goto(pathToFileURL(file).href);
      return watched;
    },
    async close() {
      await browser.close();
      await rm(folder, { recursive: true });
    },
  };
}

function watch({ page, dialogs, requests, refused }: Watched, address: string): void {
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (request.url() !== address) requests.push(request.url());
  });
  page.on('console', (message) => {
    if (message.type() === 'error') refused.push(message.text());
  });
  page.on('pageerror', (error) => refused.push(error.message));
}

/** What axe-core finds wrong with a page, one line each. The page's own policy must be off, or axe cannot run in it. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(
    'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`))',
  );
  return found as string[];
}
