import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { reportHtml } from '../../../playbooks/report/html/page.js';
import { html } from '../../../playbooks/report/html/safe-html.js';
import { change } from '../judgement/builders.js';
import { hostileNames, hostileRun } from './hostile-run.js';
import { planted, record, reportOf, sampleRun } from './sample-run.js';
import { readStrictly } from './strict-html.js';

/** What turns text around, or shows as nothing or as a blank that is none. */
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{DI}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u;
const page = reportHtml(reportOf(sampleRun()));

describe('the page', () => {
  it('is the same for the same report, and reads by a small grammar', () => {
    expect(reportHtml(reportOf(sampleRun()))).toBe(page);
    const { text } = readStrictly(page);
    for (const word of ['malicious', '1 file is known malware', '/tmp/xmrig', '/var/www/html/shell.php', 'IR-7', 'odd traffic', 'e'.repeat(64)])
      expect(text).toContain(word);
  });

  it('says first what happened, then where to look, what is missing, what was found, and when', () => {
    const order = [...page.matchAll(/<h2 id="([a-z]+)"/g)].map(([, id]) => id);
    expect(order).toEqual(['first', 'missing', 'findings', 'timeline', 'changes', 'processes', 'files', 'mounts', 'lookups', 'steps', 'custody']);
    expect(page.indexOf('class="verdict malicious"')).toBeLessThan(page.indexOf('<h2'));
  });

  it('allows its own style and nothing else', () => {
    const [, style = ''] = /<style>([^<]*)<\/style>/.exec(page) ?? [];
    const [, policy = ''] = /Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    const hash = createHash('sha256').update(style).digest('base64');
    expect(policy.replaceAll('&#39;', "'")).toBe(`default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`);
    expect(page).not.toMatch(/ style="|<script|<link|url\(|@import/);
  });

  it('leads only to its own parts and to plain addresses of sources', () => {
    const { links, ids } = readStrictly(page);
    for (const link of links.filter((each) => each.startsWith('#'))) expect(ids).toContain(link.slice(1));
    expect(links.filter((each) => !each.startsWith('#'))).toEqual([
      expect.stringMatching(/^https:\/\/www\.virustotal\.com\/gui\/file\/[0-9a-f]{64}$/),
    ]);
  });

  it('names case, examiner and organisation where the request does, in every form', () => {
    const run = sampleRun();
    const request = { ...run.run.request, examiner: 'R. Roe', organisation: 'CERT <x>' };
    const named = readStrictly(reportHtml(reportOf({ ...run, run: { ...run.run, request } }))).text;
    expect(named).toMatch(/Examiner\s*R\. Roe/);
    expect(named).toMatch(/Organisation\s*CERT <x>/);
    expect(readStrictly(page).text).not.toContain('Examiner');
  });

  it('says what could not be had', () => {
    const steps = [
      { name: 'export-files', record: record({ status: 'failed', error: { code: 'node-unreachable', message: 'node-a does not answer' } }) },
      {
        name: 'diff-filesystem',
        record: record({ gaps: [{ subject: 'web:/tmp/x', reason: 'path-race' }], limits: [{ subject: 'web:/big', reason: 'file-bytes' }] }),
      },
    ];
    const { text } = readStrictly(reportHtml(reportOf(sampleRun(planted, { steps, blindSpots: ['/data'] }))));
    const missing = text.slice(text.indexOf('What could not be had', text.indexOf('Look at these first (')), text.indexOf('Findings ('));
    for (const word of ['node-a does not answer', '/data', 'path-race', 'file-bytes']) expect(missing).toContain(word);
  });

  it('says so where there is nothing', () => {
    const { text } = readStrictly(reportHtml(reportOf({ ...sampleRun([]), board: {} })));
    for (const word of ['No rule fired', 'No changed path is listed', 'No processes were listed', 'No file was acquired', 'No hash was asked about'])
      expect(text).toContain(word);
  });

  it('shows 500 rows of a list, those that need a look among them, and points at the rest', () => {
    const many = Array.from({ length: 6_000 }, (_, index) =>
      change(`usr/share/f${index}`, { kind: 'deleted', mtime: `2025-01-02T03:${String(index % 60).padStart(2, '0')}:00.000Z` }),
    );
    const shell = change('var/www/html/shell.php', { mtime: '2020-01-01T00:00:00.000Z' });
    const { text } = readStrictly(reportHtml(reportOf(sampleRun([...many, shell]))));
    const timeline = text.slice(text.indexOf('Timeline (6001)'), text.indexOf('Changed paths ('));
    expect(timeline).toContain('5501 of 6001 events are not shown');
    expect(timeline).toContain('/var/www/html/shell.php');
    expect(timeline.match(/deleted file/g)).toHaveLength(499);
    expect(text).toContain(`The report holds 5000 of 6001`);
  });

  it('never calls anything clean or safe', () => {
    for (const run of [sampleRun(), sampleRun([])])
      expect(readStrictly(reportHtml(reportOf(run))).text).not.toMatch(/\b(clean|harmless|safe|benign)\b(?<!unknown, not harmless)/i);
  });
});

describe('hostile text', () => {
  it.each(hostileNames)('is text in the page and nothing else: %j', (name) => {
    const { text, links } = readStrictly(reportHtml(reportOf(hostileRun(`tmp/${name}`, name))));
    expect(text.replaceAll('\n', '')).not.toMatch(unsafe);
    // Where its answer is, a source says itself: an address that is plain may be one to follow.
    for (const link of links) expect(link === name && name.startsWith('https://') ? '#' : link).toMatch(/^#[a-z]*$/);
    if (/^[ -~]*$/.test(name) && !name.includes('\\')) expect(text).toContain(name);
  });

  it('of any kind has no markup that lives, and the page still reads', () => {
    const markup = fc.array(fc.constantFrom('<', '>', '"', "'", '&', '/', '=', ' ', 'script', 'onload', '<!--', ']]>', '\u202e', '\0', '\n'), {
      maxLength: 40,
    });
    const wild = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      markup.map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), wild, (bytes, words) => {
        const { text, links } = readStrictly(reportHtml(reportOf(hostileRun(Buffer.from(bytes), words))));
        expect(text.replaceAll('\n', '')).not.toMatch(unsafe);
        for (const link of links) expect(link).toMatch(/^#[a-z]+$/);
      }),
      { numRuns: 150 },
    );
  });

  it('is escaped once, wherever it stands in a template', () => {
    const inner = html`<b>${'<i>'}</b>`;
    expect(String(html`<p title="${'"&\''}">${[inner, '<', 5, undefined, [inner]]}</p>`)).toBe(
      '<p title="&quot;&amp;&#39;"><b>&lt;i&gt;</b>&lt;5<b>&lt;i&gt;</b></p>',
    );
  });
});
