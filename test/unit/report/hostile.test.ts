import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeText } from '../../../playbooks/domain/short-text.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { code, prose } from '../../../playbooks/report/markdown-text.js';
import { terminalReport } from '../../../playbooks/report/terminal.js';
import { at, change } from '../judgement/builders.js';
import { record, reportOf, sampleRun } from './sample-run.js';

const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const names = [
  'tmp/new\n# heading\n\n<script>alert(1)</script>',
  'tmp/\x1b[31mred\x1b[0m',
  'tmp/a|b|c',
  'tmp/`tick` ``two``',
  'tmp/<img src=x onerror=alert(1)>',
  'tmp/\u202egnp.exe',
  'tmp/[link](javascript:alert(1))',
  'tmp/http://evil.example/x',
  'tmp/ lead and trail ',
  'tmp/&lt;b&gt;',
];

function everyText(path: Uint8Array | string, words = String(path)) {
  const each = change(path, { mode: '0755', mtime: at, target: { b64: '', text: words }, container: words });
  const steps = [
    {
      name: words,
      record: record({
        status: 'failed',
        detail: words,
        error: { code: 'internal', message: words },
        gaps: [{ subject: words, reason: words, detail: words }],
      }),
    },
  ];
  const run = sampleRun([each], { steps, blindSpots: [words] });
  const lookups = run.lookups.map((lookup) => ({ ...lookup, label: words, reason: words, source: words, link: words }));
  const request = { ...run.run.request, reason: words, caseId: words };
  const report = reportOf({ ...run, lookups, run: { ...run.run, request, requestedBy: words } });
  return { markdown: reportMarkdown(report), terminal: terminalReport(report) };
}

describe('hostile names', () => {
  it.each(names)('stay on their line and in their place: %j', (name) => {
    const { markdown, terminal } = everyText(name);
    for (const line of [...markdown.split('\n'), ...terminal]) expect(line).not.toMatch(unsafe);
    // Code spans show everything as it stands; outside of them nothing may work as markup.
    expect(markdown).not.toMatch(/<(script|img)/);
    expect(markdown.replaceAll(/`[^`\n]*`/g, '')).not.toMatch(/[^\\]\]\(|[^\\]:\/\/evil/);
    expect(markdown.match(/^# /gm)).toHaveLength(1);
  });

  it('do not add cells to a table', () => {
    const { markdown } = everyText('tmp/a|b|c');
    const tables = markdown.split('\n\n').filter((block) => block.startsWith('|'));
    expect(tables).toHaveLength(2);
    for (const table of tables)
      expect(
        new Set(
          table
            .trim()
            .split('\n')
            .map((row) => row.replaceAll('\\|', '').split('|').length),
        ).size,
      ).toBe(1);
  });

  it('reach no terminal and no line of Markdown with a control character', () => {
    const wild = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.string({ unit: 'binary', maxLength: 100 }));
    fc.assert(
      fc.property(wild, ([bytes, words]) => {
        const { markdown, terminal } = everyText(Buffer.from(bytes), words);
        for (const line of [...markdown.split('\n'), ...terminal]) expect(line).not.toMatch(unsafe);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a code span', () => {
  it.each([
    ['a`b', '`a\\x60b`'],
    ['a|b', '`a\\x7cb`'],
    ['<b>', '`\\x3cb\\x3e`'],
    [' a ', '`\\x20a\\x20`'],
    ['', '(empty)'],
  ])('of %j is %s', (text, span) => {
    expect(code(text)).toBe(span);
  });

  it('is one span, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(code(text)).toMatch(/^`[^`|<>\n]+`$|^\(empty\)$/);
      }),
    );
  });
});

describe('prose', () => {
  it.each([
    ['- item', '\\- item'],
    ['1. item', '1\\. item'],
    ['*bold* _it_ [a](b)', '\\*bold\\* \\_it\\_ \\[a\\](b)'],
    ['https://x.y www.x.y a@b.c', 'https\\://x.y www\\.x.y a&#64;b.c'],
    ['<b>&', '&lt;b&gt;&amp;'],
  ])('of %j has no markup: %s', (text, escaped) => {
    expect(prose(text)).toBe(escaped);
  });
});

describe('safe text', () => {
  it('is stable, bounded and splits no character', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 2, max: 20 }), (text, max) => {
        const safe = safeText(text, max);
        expect(safe.length).toBeLessThanOrEqual(max);
        expect(safe).not.toMatch(unsafe);
        expect(safeText(safe, max)).toBe(safe);
      }),
    );
  });
});
