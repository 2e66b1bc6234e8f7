import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { reportHtml } from '../../../playbooks/report/html/page.js';
import type { Report } from '../../../playbooks/report/model.js';
import { at, change, processOf } from '../../unit/judgement/builders.js';
import { hostileNames, hostileRun } from '../../unit/report/hostile-run.js';
import { planted, record, reportOf, sampleRun } from '../../unit/report/sample-run.js';
import { accessibilityProblems, openStand, type Stand } from './browser.js';

let stand: Stand;
beforeAll(async () => {
  stand = await openStand();
});
afterAll(() => stand.close());

/** A report with something in every part. */
function fullReport(rows = 60): Report {
  const many = Array.from({ length: rows }, (_, index) =>
    change(`usr/share/app/${'long-'.repeat(index % 40)}${index}.conf`, { mtime: at, ctime: at }),
  );
  const changes = [
    ...planted.map((each) => ({ ...each, mtime: at, ctime: at })),
    ...hostileNames.map((name) => change(`tmp/${name}`, { mtime: at })),
    ...many,
  ];
  const processes = [
    processOf(10),
    processOf(11, '/tmp/xmrig', {
      executable: { state: 'deleted', path: pathName(Buffer.from('/tmp/xmrig')) },
      sockets: [{ protocol: 'tcp', state: 'ESTABLISHED', local: '10.0.0.1:4000', remote: '198.51.100.7:3333' }],
    }),
  ];
  const steps = [
    { name: 'export-files', record: record({ status: 'failed', error: { code: 'node-unreachable', message: 'node-a does not answer' } }) },
    {
      name: 'diff-filesystem',
      record: record({ gaps: [{ subject: 'web:/tmp/x', reason: 'path-race' }], limits: [{ subject: 'web:/big', reason: 'file-bytes' }] }),
    },
  ];
  return reportOf(sampleRun(changes, { processes, steps, blindSpots: ['/data'] }));
}

/** As if a name had not been escaped. */
const injected = (address: string) =>
  `<script>alert(1)</script><img src="${address}" onerror="alert(2)"><p style="color:red" onclick="alert(3)">x</p></main>`;

describe('the page of a report in a browser', () => {
  it('runs nothing and asks for nothing, whatever names are in it', async () => {
    for (const report of [fullReport(), ...hostileNames.map((name) => reportOf(hostileRun(`tmp/${name}`, name)))]) {
      const { page, dialogs, requests, refused } = await stand.open(reportHtml(report));
      const active = page.locator('script, img, iframe, object, embed, svg, form, link, base, [onload], [onerror], [onclick], [style]');
      expect(await active.count()).toBe(0);
      expect({ dialogs, requests, refused }).toEqual({ dialogs: [], requests: [], refused: [] });
      expect(await page.locator('h1').count()).toBe(1);
      await page.context().close();
    }
  });

  it('would run nothing and send nothing even if a name were markup', async () => {
    const html = reportHtml(fullReport());
    const hits: string[] = [];
    const server = createServer((req, res) => {
      hits.push(req.url ?? '');
      res.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const broken = (path: string) => html.replace('</main>', injected(`http://127.0.0.1:${port}/${path}`));
    const held = await stand.open(broken('held'));
    await held.page.locator('p', { hasText: /^x$/ }).click();
    expect(held.dialogs).toEqual([]);
    expect(held.refused.filter((text) => text.includes('Content Security Policy')).length).toBeGreaterThanOrEqual(4);
    // The same without the policy: what would have happened is seen here.
    const open = await stand.open(broken('open').replace(/<meta http-equiv[^>]*>/, ''));
    await open.page.locator('p', { hasText: /^x$/ }).click();
    expect(open.dialogs).toEqual(expect.arrayContaining(['1', '3']));
    expect(hits).toEqual(['/open']);
    server.close();
  });

  it.each(['light', 'dark'] as const)('passes an accessibility check (%s)', async (colorScheme) => {
    for (const report of [fullReport(), reportOf({ ...sampleRun([]), board: {} })]) {
      const { page } = await stand.open(reportHtml(report), { colorScheme, bypassCSP: true });
      expect(await accessibilityProblems(page)).toEqual([]);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await accessibilityProblems(page)).toEqual([]);
      await page.context().close();
    }
  });

  it('is dark where the reader wants it so, and light on paper', async () => {
    const { page } = await stand.open(reportHtml(fullReport()), { colorScheme: 'dark' });
    const back = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    expect(await back()).toBe('rgb(17, 21, 26)');
    await page.emulateMedia({ media: 'print' });
    expect(await back()).toBe('rgb(255, 255, 255)');
  });

  it('is as wide as the paper and the screen, with nothing cut off', async () => {
    const { page } = await stand.open(reportHtml(fullReport(700)));
    const tooWide = () => page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await tooWide()).toBe(0);
    await page.emulateMedia({ media: 'print' });
    // A4 without its margins, at 96 dots an inch.
    await page.setViewportSize({ width: 695, height: 1_000 });
    expect(await tooWide()).toBe(0);
    expect(await page.evaluate('[...document.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth).length')).toBe(0);
    expect((await page.pdf({ preferCSSPageSize: true })).subarray(0, 5).toString('latin1')).toBe('%PDF-');
  });

  it('can be gone through by keyboard: first comes the way past the head', async () => {
    const { page } = await stand.open(reportHtml(fullReport()));
    await page.keyboard.press('Tab');
    expect(await page.evaluate('document.activeElement.textContent')).toContain('Skip to');
    await page.keyboard.press('Enter');
    expect(new URL(page.url()).hash).toBe('#first');
  });
});
