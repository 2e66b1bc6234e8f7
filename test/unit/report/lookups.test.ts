import { describe, expect, it } from 'vitest';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { notesOf } from '../../../playbooks/domain/lookup-notes.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { terminalReport } from '../../../playbooks/report/terminal.js';
import { artifactOf, change, lookupOf } from '../judgement/builders.js';
import { record, reportOf, sampleRun } from './sample-run.js';

const changes = Array.from({ length: 9 }, (_, index) => change(`opt/f${index}`));
const artifacts = changes.map((each) => artifactOf(each));
const known = (index: number, status: Lookup['status'], extra: Partial<Lookup> = {}) => lookupOf(artifacts[index]!, status, extra);
const stats = { malicious: 60, suspicious: 0, undetected: 12, harmless: 0, other: 4 };

function reportWith(lookups: readonly Lookup[]) {
  return reportOf({ ...sampleRun(changes), lookups });
}

function section(lookups: readonly Lookup[]): string[] {
  const markdown = reportMarkdown(reportWith(lookups));
  const rest = markdown.slice(markdown.indexOf('## Lookups'));
  return rest.slice(0, rest.indexOf('\n## ')).trimEnd().split('\n');
}

const headings = (lines: readonly string[]) => lines.filter((line) => line.startsWith('### '));

describe('the section on lookups', () => {
  it('groups by status, what a source warns of first', () => {
    const statuses: Lookup['status'][] = [
      'undetected',
      'not-asked',
      'pending',
      'known-good',
      'unknown',
      'error',
      'suspicious',
      'known-bad',
      'detected',
    ];
    expect(headings(section(statuses.map((status, index) => known(index, status))))).toEqual([
      '### detected (1)',
      '### known bad (1)',
      '### suspicious (1)',
      '### unknown (1)',
      '### undetected (1)',
      '### known good (1)',
      '### error (1)',
      '### pending (1)',
      '### not asked (1)',
    ]);
  });

  it('names engines, label, dates and the files of a hash that a source warns of', () => {
    const lookup = known(0, 'detected', {
      stats,
      label: 'miner.xmrig/linux',
      engines: ['One', 'Two', 'Three', 'Four', 'Five', 'Six'],
      firstSeen: '2020-01-02T03:04:05.000Z',
      link: 'https://www.virustotal.com/gui/file/0',
    });
    expect(section([lookup]).at(-1)).toBe(
      `- \`${lookup.sha256}\` \`/opt/f0\`: virustotal: 60 of 72 engines call it malicious; named by One, Two, Three, Four, Five and 1 more; label miner.xmrig/linux; first seen 2020-01-02 <https://www.virustotal.com/gui/file/0>`,
    );
  });

  it('has a row for each list that knows hashes as good, with names', () => {
    const list = { source: 'hash-list', reason: 'nsrl.txt' };
    const lines = section([0, 1, 2, 3, 4, 5].map((index) => known(index, 'known-good', list)));
    expect(lines.slice(lines.indexOf('### known good (6)') + 2)).toEqual([
      '- hash-list: nsrl.txt: 6 hashes, `/opt/f0`, `/opt/f1`, `/opt/f2`, `/opt/f3`, `/opt/f4` and 1 more',
    ]);
  });

  it('says once what is said of all unknown hashes', () => {
    const reason = 'never seen';
    const lines = section([0, 1].map((index) => known(index, 'unknown', { reason })));
    expect(lines.slice(lines.indexOf('### unknown (2)') + 2)).toEqual([
      'virustotal: never seen:',
      '',
      ...[0, 1].map((index) => `- \`${artifacts[index]!.sha256}\` \`/opt/f${index}\``).sort(),
    ]);
  });

  it('counts what has no answer, and does not list it', () => {
    const many = Array.from({ length: 5_000 }, (_, index) => change(`junk/${index}`)).map((each) =>
      lookupOf(artifactOf(each), 'not-asked', { reason: 'budget' }),
    );
    const lines = section([...many, known(0, 'pending'), known(1, 'error', { error: { code: 'intel-unauthorized', message: 'wrong key' } })]);
    expect(lines.slice(-11)).toEqual([
      '### error (1)',
      '',
      '- 1 lookup failed: intel-unauthorized: wrong key',
      '',
      '### pending (1)',
      '',
      '- 1 hash has no answer yet; a new version of the report will have it',
      '',
      '### not asked (5000)',
      '',
      '- 5000 hashes were not asked about: budget',
    ]);
  });
});

describe('missing answers', () => {
  it('are counted once, not a gap for each', () => {
    const lookups = artifacts.map((artifact) => lookupOf(artifact, 'pending'));
    const gaps = [...notesOf(lookups).gaps, { subject: 'web:/x', reason: 'path-race' }];
    const report = reportOf({ ...sampleRun(changes, { steps: [{ name: 'lookup-hashes', record: record({ gaps }) }] }), lookups });
    expect(report.gaps).toHaveLength(2);
    expect(reportMarkdown(report)).not.toContain('no answer came before the deadline');
    const terminal = terminalReport(report);
    expect(terminal).toContain('  9 hashes have no answer yet; a new version of the report will have them');
    expect(terminal).toContain('  web:/x: path-race');
    expect(report.summary[2]).toBe(
      'The evidence is partial: 1 thing could not be had and 9 hashes have no answer yet; a new version of this report will come with the answers.',
    );
  });

  it('hide no gap of a file whose name is one of their hashes, nor of such bytes', () => {
    const lookups = artifacts.map((artifact) => lookupOf(artifact, 'pending'));
    const [{ sha256 } = { sha256: '' }] = lookups;
    const gaps = [
      { subject: `web:/tmp/${sha256}`, reason: 'path-race' },
      { subject: sha256, reason: 'digest-mismatch' },
    ];
    const report = reportOf({ ...sampleRun(changes, { steps: [{ name: 'export-files', record: record({ gaps }) }] }), lookups });
    expect(reportMarkdown(report)).toContain('path-race');
    expect(reportMarkdown(report)).toContain('digest-mismatch');
    expect(report.summary[2]).toContain('2 things could not be had');
  });
});
