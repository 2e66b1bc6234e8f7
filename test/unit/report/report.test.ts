import { describe, expect, it } from 'vitest';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { reportJson, reportSchema } from '../../../playbooks/report/model.js';
import { terminalReport } from '../../../playbooks/report/terminal.js';
import { change } from '../judgement/builders.js';
import { planted, record, reportOf, sampleRun } from './sample-run.js';

const report = reportOf(sampleRun());

describe('a report', () => {
  it('is what its schema says, and reads back', () => {
    expect(reportSchema.parse(JSON.parse(reportJson(report)))).toEqual(report);
  });

  it('has the same bytes for the same run', () => {
    const again = reportOf(sampleRun());
    expect(reportJson(again)).toBe(reportJson(report));
    expect(reportMarkdown(again)).toBe(reportMarkdown(report));
    expect(terminalReport(again)).toEqual(terminalReport(report));
  });

  it('tells a tired person in three sentences', () => {
    expect(report.summary).toEqual([
      '1 file is known malware (miner.xmrig/linux); a possible web shell and 2 more paths need a look.',
      'Treat pod shop/web-0 as compromised; look first at /tmp/xmrig in container web, then at the next 3 paths below.',
      'All that was asked for was had; what no source knows is unknown, not harmless.',
    ]);
  });

  it('names each path to look at once, the worst first', () => {
    expect(report.lookAtFirst.map(({ rank, where, level }) => [rank, where, level])).toEqual([
      [1, '/tmp/xmrig', 'malicious'],
      [2, '/var/www/html/shell.php', 'suspicious'],
      [3, '/etc/nginx/nginx.conf', 'suspicious'],
      [4, '/var/log/app.log', 'suspicious'],
    ]);
    expect(report.lookAtFirst[0]?.why).toHaveLength(4);
  });

  it('counts changes, files and lookups', () => {
    expect(report.counts).toEqual({
      changes: { total: 5, added: 3, changed: 1, deleted: 1, present: 0 },
      files: { total: 3, bytes: 30, known: 0, left: 0, unstable: 0 },
      processes: { total: 0, fileless: 0 },
      lookups: { detected: 1, unknown: 2 },
    });
  });

  it('says who asked, why, for what and by which playbook', () => {
    expect(report.run).toMatchObject({
      caseId: 'IR-7',
      reason: 'odd traffic',
      requestedBy: 'key:analyst',
      target: { pod: 'web-0', namespace: 'shop' },
    });
    expect(report.run.playbook.sha256).toBe('f'.repeat(64));
  });

  it('never calls anything clean or safe', () => {
    for (const run of [sampleRun(), sampleRun([]), sampleRun([change('etc/hosts', { size: 0, origin: 'runtime' })])]) {
      const built = reportOf(run);
      const text = [reportJson(built), reportMarkdown(built), terminalReport(built).join('\n')].join('\n');
      expect(text).not.toMatch(/\b(clean|harmless(?!["\s:]*\d)(?! file)|safe|benign)\b(?<!unknown, not harmless)/i);
    }
  });

  it('holds 5,000 changes and points at the listing for the rest', () => {
    const many = Array.from({ length: 6_000 }, (_, index) => change(`f${index}`, { kind: 'deleted' }));
    const sample = sampleRun(many);
    const listing = { sha256: 'd'.repeat(64), count: 6_000, added: 0, changed: 0, deleted: 6_000, present: 0, method: 'overlay' as const };
    const { changes, counts } = reportOf({ ...sample, board: { ...sample.board, changes: listing } });
    expect(changes).toMatchObject({ total: 6_000, complete: false, listing: 'd'.repeat(64) });
    expect(changes.rows).toHaveLength(5_000);
    expect(counts.changes.deleted).toBe(6_000);
  });

  it('says of a change what sets it apart from the image', () => {
    const renamed = change('etc/new', { renamedFrom: pathName(Buffer.from('etc/old')), metadataOnly: true });
    const gained = change('bin/link', { kind: 'changed', typeBefore: 'symlink', capabilities: 'cap_net_raw=ep' });
    const markdown = reportMarkdown(reportOf(sampleRun([renamed, gained])));
    expect(markdown).toContain('content as in the image, renamed from `/etc/old`');
    expect(markdown).toContain('was a symlink, capabilities `cap_net_raw=ep`');
  });

  it('stays bounded when names are long', () => {
    const long = change(Buffer.alloc(4_000, 0xff), { kind: 'deleted' });
    const many = Array.from({ length: 1_000 }, () => long);
    const built = reportOf(sampleRun(many));
    expect(built.changes.complete).toBe(false);
    expect(Buffer.byteLength(reportJson(built))).toBeLessThan(20 * 1024 * 1024);
  });
});

describe('a partial run', () => {
  const gap = { subject: 'web:/tmp/x', reason: 'path-race' };
  const partial = reportOf(
    sampleRun(planted, {
      blindSpots: ['/data'],
      steps: [
        { name: 'diff-filesystem', record: record({ gaps: [gap], limits: [{ subject: 'web:/big', reason: 'file-bytes' }] }) },
        { name: 'export-files', record: record({ status: 'failed', error: { code: 'node-unreachable', message: 'node-a does not answer' } }) },
        { name: 'hash-files' },
      ],
    }),
  );

  it('says what could not be had, and what was left out', () => {
    expect(partial.completeness).toBe('partial');
    expect(partial.summary[2]).toBe(
      'The evidence is partial: steps export-files and hash-files did not succeed, 1 thing could not be had, 1 thing was left out by policy and nobody looked into 1 writable mount.',
    );
    expect(partial.gaps).toEqual([{ step: 'diff-filesystem', ...gap }]);
    for (const text of [reportMarkdown(partial), terminalReport(partial).join('\n')]) {
      for (const word of ['/data', 'path-race', 'node-unreachable', 'file-bytes']) expect(text).toContain(word);
    }
  });

  it('has a report even without target, node and verdict', () => {
    const bare = reportOf({ ...sampleRun([]), board: {}, steps: [{ name: 'locate-node', record: record({ status: 'failed' }) }] });
    expect(bare.verdict.level).toBe('inconclusive');
    expect(bare.verdict.headline).toContain('No verdict could be made');
    expect(reportSchema.parse(bare)).toEqual(bare);
    expect(reportMarkdown(bare)).toContain('INCONCLUSIVE');
  });

  it('is full when a step did not apply, and when something was left out by policy', () => {
    const steps = [
      { name: 'a', record: record({ limits: [{ subject: 'x', reason: 'files' }] }) },
      { name: 'b', record: record({ status: 'skipped', reason: 'not-applicable' }) },
    ];
    expect(reportOf(sampleRun(planted, { steps })).completeness).toBe('full');
  });
});
