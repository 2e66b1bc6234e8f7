import { describe, expect, it } from 'vitest';
import type { Change } from '../../../playbooks/domain/change.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { draftReport, type ReportInput } from '../../../playbooks/report/build.js';
import { reportHtml } from '../../../playbooks/report/html/page.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { ActRows } from '../../../playbooks/report/timeline-acts.js';
import { rowText } from '../../../playbooks/report/timeline-row.js';
import { change, processOf } from '../judgement/builders.js';
import { reportOf, sampleRun } from './sample-run.js';
import { readStrictly } from './strict-html.js';

const start = Date.parse('2026-01-02T03:00:00.000Z');
const second = (count: number) => new Date(start + count * 1_000).toISOString();
const written = (path: string, at: number, extra: Partial<Change> = {}) => change(path, { mtime: second(at), ctime: second(at), ...extra });
const lines = (changes: readonly Change[], extra: Partial<ReportInput> = {}) =>
  [...draftReport(sampleRun(changes, extra)).timeline.rows()].map((row) => [row.at, row.time, rowText(row)]);

type Acts = Parameters<ActRows['add']>[0];

/** Entries of a chain, one second each. */
function actRows(entries: readonly (Pick<Acts, 'act'> & Partial<Acts>)[], from = 0): ReturnType<ActRows['rows']> {
  const rows = new ActRows();
  for (const [seq, entry] of entries.entries()) rows.add({ seq, at: second(from + seq), actor: 'worker:1', detail: {}, ...entry });
  return rows.rows();
}

describe('a timeline', () => {
  it('has files, processes and our own acts in one order', () => {
    const acts = actRows([{ act: 'step.started', subject: 'diff-filesystem', detail: { attempt: 1 } }], 30);
    const processes = [processOf(7, '/tmp/xmrig', { startedAt: second(20) })];
    expect(lines([written('tmp/xmrig', 10, { mode: '0755' }), written('etc/late', 40)], { acts, processes })).toEqual([
      [second(10), 'modified-and-changed', 'added file /tmp/xmrig in container web: mode 0755, 10 bytes'],
      [second(20), 'started', 'process 7 started, program /tmp/xmrig in container web: parent 1, user 0, arguments /tmp/xmrig'],
      [second(30), 'done', 'step diff-filesystem started: attempt 1'],
      [second(40), 'modified-and-changed', 'added file /etc/late in container web: mode 0644, 10 bytes'],
    ]);
  });

  it('has a row for each time of a file, and says where a time is older than it can be', () => {
    const changed = { kind: 'changed', mtimeBefore: second(50) } as const;
    const [first, ...rest] = lines([written('etc/passwd', 60, { ...changed, mtime: second(5) })]);
    expect(first).toEqual([
      second(5),
      'modified',
      `changed file /etc/passwd in container web: mode 0644, 10 bytes, dated before the image’s own (${second(50)})`,
    ]);
    expect(rest).toEqual([[second(60), 'changed', 'changed file /etc/passwd in container web: mode 0644, 10 bytes']]);
    expect(lines([written('etc/passwd', 60, { ...changed, mtime: second(50) })])[0]?.[2]).toContain('dated as in the image');
  });

  it('tells times with fractions of any length apart, and keeps equal ones in the order of paths', () => {
    const at = (fraction: string) => `2026-01-02T03:00:00${fraction}Z`;
    const changes = ['.0001', '', '.1', '.00009', '.09'].map((fraction, index) => change(`f${index}`, { mtime: at(fraction) }));
    expect(lines(changes).map(([time]) => time)).toEqual(['', '.00009', '.0001', '.09', '.1'].map(at));
    expect(lines([written('b', 1), written('a', 1), written('c', 1)]).map(([, , text]) => text?.slice(11, 13))).toEqual(['/a', '/b', '/c']);
  });

  it('carries hash, exact bytes of the path and worst finding', () => {
    const miner = written('tmp/xmrig', 1, { mode: '0755' });
    const [row] = [...draftReport(sampleRun([miner])).timeline.rows()];
    expect(row).toMatchObject({
      level: 'malicious',
      pathB64: miner.path.b64,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      where: '/tmp/xmrig',
    });
  });

  it('leaves out what has no time', () => {
    expect(lines([change('tmp/x')])).toEqual([]);
  });

  it('is in all forms of the report', () => {
    const report = reportOf(sampleRun([written('tmp/xmrig', 10, { mode: '0755' })]));
    expect(report.timeline).toMatchObject({ total: 1, complete: true, listing: '7'.repeat(64), rows: [{ at: second(10), where: '/tmp/xmrig' }] });
    expect(reportMarkdown(report)).toContain(
      `| ${second(10)} | file, written | added file \`/tmp/xmrig\` **malicious** (mode 0755, 10 bytes) | \`web\` |`,
    );
    expect(readStrictly(reportHtml(report)).text).toMatch(/03:00:10\.000\s*file, written\s*added file \/tmp\/xmrig malicious mode 0755, 10 bytes/);
    for (const text of [reportMarkdown(report), readStrictly(reportHtml(report)).text]) expect(text).toContain('All times are UTC');
  });

  it('keeps what tells most where not all fits', () => {
    const junk = Array.from({ length: 6_000 }, (_, index) => written(`srv/f${index}`, 100 + index, { kind: 'deleted' }));
    const shell = written('var/www/html/shell.php', 1);
    const acts = actRows([{ act: 'command.started', subject: 'node-a', detail: { name: 'walk' } }]);
    const { timeline } = reportOf(sampleRun([...junk, shell], { acts, processes: [processOf(7)] }));
    expect(timeline).toMatchObject({ total: 6_003, complete: false });
    expect(timeline.rows).toHaveLength(5_000);
    expect(timeline.rows.filter(({ what }) => what.startsWith('ran '))).toEqual([]);
    expect(timeline.rows.some(({ where }) => where === '/var/www/html/shell.php')).toBe(true);
    expect(timeline.rows.some(({ source }) => source === 'process')).toBe(true);
    expect(timeline.rows.at(-1)?.at).toBe(second(100 + 5_999));
    const times = timeline.rows.map(({ at }) => at);
    expect(times).toEqual([...times].sort());
  });

  it('of 100,000 changes is made in little more memory than they take', () => {
    const many = Array.from({ length: 100_000 }, (_, index) => written(`srv/${index}`, index, { mtime: second(-index), kind: 'deleted' }));
    let count = 0;
    let last = '';
    for (const { at } of draftReport({ ...sampleRun([]), changes: many }).timeline.rows()) {
      expect(at >= last).toBe(true);
      last = at;
      count += 1;
    }
    // The first path has one time alone.
    expect(count).toBe(199_999);
  });
});

describe('our own acts', () => {
  const call = '00000000-0000-4000-8000-000000000000';
  const told = (entries: Parameters<typeof actRows>[0]) => actRows(entries).map((row) => [row.entry, rowText(row)]);

  it('are a row for each command, with its outcome', () => {
    expect(
      told([
        { act: 'run.requested', actor: 'key:analyst' },
        { act: 'cluster.request', detail: { call: 'a', method: 'get-pod' } },
        { act: 'cluster.answered', detail: { call: 'a', ok: true, durationMs: 40 } },
        { act: 'command.started', subject: 'node-a', detail: { call, name: 'walk-upper' } },
        { act: 'artifact.stored', detail: { size: 5 } },
        { act: 'command.finished', subject: 'node-a', detail: { call, exitCode: 0, stdoutBytes: 12, durationMs: 1_540 } },
        { act: 'command.started', subject: 'shop/web-0/web', detail: { call: 'b', name: 'in-container-tar', container: 'web' } },
        { act: 'command.finished', subject: 'shop/web-0/web', detail: { call: 'b', error: 'timeout', durationMs: 9 } },
        { act: 'command.started', subject: 'node-a', detail: { call: 'c', name: 'hash' } },
      ]),
    ).toEqual([
      [0, 'run requested: by key:analyst'],
      [1, 'asked the API server: get-pod: 0.0 s'],
      [3, 'ran walk-upper: on node node-a: exit status 0, 12 bytes, 1.5 s'],
      [4, 'stored 1 artifact, 5 bytes'],
      [6, 'ran in-container-tar: in shop/web-0/web: failed (timeout), 0.0 s'],
      [8, 'ran hash: on node node-a'],
    ]);
  });

  it('are a row for each batch of artifacts and answers, so that the pod’s own events stay in sight', () => {
    const mixed = Array.from({ length: 30 }, (_, index) => ({
      act: index % 3 === 0 ? ('artifact.known' as const) : ('artifact.stored' as const),
      detail: { size: 2 },
    }));
    expect(told([...mixed, { act: 'step.finished', subject: 'export-files' }, { act: 'artifact.stored', detail: { size: 1 } }])).toEqual([
      [0, 'recorded 10 artifacts that the store had, 20 bytes'],
      [1, 'stored 20 artifacts, 40 bytes'],
      [30, 'step export-files finished'],
      [31, 'stored 1 artifact, 1 bytes'],
    ]);
    const long = Array.from({ length: 90 }, () => ({ act: 'lookup.answered' as const }));
    expect(told(long)).toEqual([
      [0, 'recorded 60 answers about hashes'],
      [60, 'recorded 30 answers about hashes'],
    ]);
  });

  it('name each file that was given away', () => {
    const sha256 = 'a'.repeat(64);
    expect(told([{ act: 'artifact.uploaded', subject: sha256, detail: { size: 3 } }])).toEqual([[0, `file given to the source: sha256 ${sha256}`]]);
  });

  it('show what they were done to as text', () => {
    const [[, text]] = told([{ act: 'step.started', subject: 'a\x1b[2J\u202eb', detail: { attempt: 1 } }]) as [[number, string]];
    expect(text).toBe('step a�[2J�b started: attempt 1');
  });
});

describe('names', () => {
  it('that are long are cut in words and whole in bytes', () => {
    const name = Buffer.alloc(4_000, 'x');
    const [row] = [...draftReport(sampleRun([change(name, { mtime: second(1), kind: 'deleted' })])).timeline.rows()];
    expect(row?.where).toHaveLength(1_000);
    expect(row?.pathB64).toBe(pathName(name).b64);
  });
});
