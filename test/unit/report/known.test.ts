import { describe, expect, it } from 'vitest';
import type { ContentFacts } from '../../../playbooks/domain/content.js';
import type { PackageFile } from '../../../playbooks/domain/package.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { contentText } from '../../../playbooks/report/content-text.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { packageText } from '../../../playbooks/report/package-text.js';
import { terminalReport } from '../../../playbooks/report/terminal.js';
import { artifactOf, change } from '../judgement/builders.js';
import { planted, reportOf, sampleRun } from './sample-run.js';

const bare: ContentFacts = { sha256: 'a'.repeat(64), size: 10, type: 'data', entropy: 4, strings: [], stringsCut: false };
const elf = { machine: 'x86-64', bits: 64, kind: 'executable', static: true, packed: 'section UPX0' } as const;

describe('what bytes say of themselves', () => {
  it.each<[string, Partial<ContentFacts>]>([
    ['static, packed (section UPX0), x86-64', { type: 'ELF', elf }],
    ['shared object, stripped, aarch64', { elf: { machine: 'aarch64', bits: 64, kind: 'shared', static: false, stripped: true } }],
    ['script for /usr/bin/env python3', { type: 'script', interpreter: '/usr/bin/env python3' }],
    ['gzip', { type: 'gzip', entropy: 7.9 }],
    ['data, entropy 7.95 of 8', { entropy: 7.95 }],
    ['', {}],
    ['', { type: 'text' }],
  ])('is %s', (words, facts) => {
    expect(contentText({ ...bare, ...facts })).toBe(words);
  });

  it('names pools and wallets before addresses, and says how many more there are', () => {
    const strings: ContentFacts['strings'] = [
      { kind: 'address', text: '192.0.2.1:4444' },
      { kind: 'url', text: 'http://a.example/x' },
      { kind: 'url', text: 'http://b.example/y' },
      { kind: 'wallet', text: `4${'8'.repeat(94)}` },
      { kind: 'pool', text: 'stratum+tcp://pool.example:3333' },
    ];
    expect(contentText({ ...bare, type: 'ELF', elf, strings, stringsCut: true })).toBe(
      `static, packed (section UPX0), x86-64; pool stratum+tcp://pool.example:3333; wallet 4${'8'.repeat(78)}…; url http://a.example/x; url http://b.example/y; at least 1 more string of this kind`,
    );
  });
});

const packaged = (extra: Partial<PackageFile>): PackageFile => ({
  container: 'web',
  containerId: 'c'.repeat(64),
  path: pathName(Buffer.from('usr/bin/ls')),
  manager: 'dpkg',
  ...extra,
});
const image = { package: 'coreutils', version: '9.1', algorithm: 'md5', digest: '1'.repeat(32) } as const;
const own = { ...image, version: '9.4', digest: '2'.repeat(32) };
const bytes = (md5: string) => ({ sha256: 'b'.repeat(64), md5: md5.repeat(32) });

describe('what a package says of a path', () => {
  it.each([
    ['replaces /usr/bin/ls of package coreutils 9.1 (md5 differs)', packaged({ image }), bytes('3')],
    ['as package coreutils 9.1 of the image has it (md5)', packaged({ image, own }), bytes('1')],
    ["as package coreutils 9.4 of the container's own database has it, which anybody there can write (md5)", packaged({ image, own }), bytes('2')],
    ['/usr/bin/ls belongs to package coreutils 9.1; not compared', packaged({ image }), undefined],
    [
      '/usr/bin/ls is configuration of package coreutils 9.1, and not as packaged (md5 differs)',
      packaged({ image: { ...image, conffile: true } }),
      bytes('3'),
    ],
    ['', packaged({}), bytes('1')],
  ])('is %j', (words, file, content) => {
    expect(packageText(file, content)).toBe(words);
  });
});

describe('a report with content facts and packages', () => {
  const ls = change('usr/bin/ls', { kind: 'changed', mode: '0755' });
  const run = sampleRun([...planted, ls]);
  const content = run.artifacts.map(({ sha256 }) => ({ ...bare, sha256, type: 'ELF', elf }));
  const artifacts = run.artifacts.map((artifact) => ({ ...artifact, md5: '3'.repeat(32) }));
  const board = { ...run.board, content: { sha256: 'd'.repeat(64), count: 4 } };
  const report = reportOf({ ...run, board, artifacts, content, packages: [packaged({ image })] });

  it('tells them where an analyst reads: first rows, acquired files, and the terminal', () => {
    expect(report.lookAtFirst[0]).toMatchObject({ where: '/tmp/xmrig', contentText: 'static, packed (section UPX0), x86-64' });
    expect(report.listings).toEqual({ content: 'd'.repeat(64) });
    const markdown = reportMarkdown(report);
    const line = (part: string) => markdown.split('\n').findLast((each) => each.includes(part)) ?? '';
    expect(line('1. `/tmp/xmrig`')).toMatch(/; static, packed \(section UPX0\), x86-64$/);
    expect(line(`- \`${artifactOf(ls).sha256}\``)).toMatch(/; replaces \/usr\/bin\/ls of package coreutils 9\.1 \(md5 differs\)$/);
    expect(terminalReport(report)).toContain('     static, packed (section UPX0), x86-64');
  });

  it('does not say twice what the evidence of a finding says', () => {
    const facts = content.map((each) => ({ ...each, strings: [{ kind: 'pool' as const, text: 'stratum+tcp://pool.example:3333' }] }));
    const [first, ...rest] = run.board.verdict!.findings;
    const finding = {
      ...first!,
      evidence: 'added file /tmp/xmrig; packed (section UPX0); pool stratum+tcp://pool.example:3333; virustotal: detected',
    };
    const verdict = { ...run.board.verdict!, findings: [finding, ...rest] };
    const row = reportMarkdown(reportOf({ ...run, board: { ...board, verdict }, content: facts }))
      .split('\n')
      .find((each) => each.startsWith('1. `/tmp/xmrig`'));
    expect(row?.match(/UPX0/g)).toHaveLength(1);
    expect(row?.match(/pool\.example/g)).toHaveLength(1);
    expect(row).toContain('virustotal: detected');
  });

  it('is written without them where there are none', () => {
    const without = reportOf(sampleRun(planted));
    expect(without.listings).toEqual({});
    expect(without.lookAtFirst[0]).not.toHaveProperty('contentText');
  });
});
