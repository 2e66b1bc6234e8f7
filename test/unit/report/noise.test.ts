import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Artifact } from '../../../playbooks/domain/artifact.js';
import type { Change } from '../../../playbooks/domain/change.js';
import type { ContentFacts } from '../../../playbooks/domain/content.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { noiseGroupOf } from '../../../playbooks/report/noise.js';
import { terminalReport } from '../../../playbooks/report/terminal.js';
import { artifactOf, change, lookupOf } from '../judgement/builders.js';
import { planted, reportOf, sampleRun } from './sample-run.js';

const groupOf = (path: string, extra: Partial<Change> = {}, content: Artifact['content'] = 'text', facts?: Partial<ContentFacts>) => {
  const each = change(path, extra);
  const artifact = each.type === 'file' && each.kind !== 'deleted' && each.size !== 0 ? artifactOf(each, content) : undefined;
  const known = facts === undefined || artifact === undefined ? undefined : factsOf(artifact.sha256, facts);
  return noiseGroupOf({ change: each, artifact, content: known });
};

function factsOf(sha256: string, extra: Partial<ContentFacts> = {}): ContentFacts {
  return { sha256, size: 10, type: 'text', entropy: 4, strings: [], stringsCut: false, ...extra };
}

const folder: Partial<Change> = { type: 'directory', mode: '0755' };

/** A path, its group, what the listing says of it, and its content. */
type Row = readonly [string, string, Partial<Change>?, Artifact['content']?];

/** Paths of ordinary life. */
const ordinary: readonly Row[] = [
  ['etc/hosts', 'runtime', { size: 0, origin: 'runtime' }],
  ['etc/mtab', 'runtime', { type: 'symlink', mode: '0777', origin: 'runtime' }],
  ['data', 'runtime', { ...folder, origin: 'mount' }],
  ['dev/null', 'runtime', { type: 'char', mode: '0666', kind: 'present', size: 0, origin: 'runtime' }],
  ['dev/shm', 'runtime', { type: 'directory', mode: '1777', kind: 'present', origin: 'mount' }],
  ['dev/termination-log', 'runtime', { mode: '0666', kind: 'present', size: 0, origin: 'mount' }],
  ['run/nginx.pid', 'pid-files'],
  ['var/run/sshd/sshd.pid', 'pid-files'],
  ['var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease', 'package-lists'],
  ['var/lib/apt/lists/partial', 'package-lists', { ...folder, mode: '0700' }],
  ['var/cache/apt/pkgcache.bin', 'package-lists', { kind: 'changed' }, 'binary'],
  ['var/cache/apt/archives/curl_7.88.1-10_amd64.deb', 'package-lists', { kind: 'deleted' }],
  ['var/lib/dpkg/status', 'package-databases', { kind: 'changed' }],
  ['var/lib/dpkg/info/libc6:amd64.list', 'package-databases'],
  ['lib/apk/db/installed', 'package-databases', { kind: 'changed' }],
  ['var/cache/fontconfig/0d8c3b2ac0904cb8a57a757ad11a4a08-le64.cache-8', 'font-caches', {}, 'binary'],
  ['root/.cache/fontconfig/CACHEDIR.TAG', 'font-caches'],
  ['etc/ld.so.cache', 'linker-caches', { kind: 'changed' }, 'binary'],
  ['var/cache/ldconfig/aux-cache', 'linker-caches', { kind: 'changed' }, 'binary'],
  ['root/.cache/pip/http/a/b/abcdef', 'pip-caches', {}, 'archive'],
  ['home/app/.npm/_cacache/content-v2/sha512/aa/bb/cc', 'npm-caches', {}, 'archive'],
  ['usr/lib/python3.12/__pycache__/ast.cpython-312.pyc', 'python-caches', {}, 'binary'],
  ['tmp/hsperfdata_root', 'jvm-counters', folder],
  ['tmp/hsperfdata_root/1', 'jvm-counters', {}, 'binary'],
  ['var/log/nginx/access.log', 'logs', { kind: 'changed', size: 50, sizeBefore: 10 }],
  ['var/log/app.log.1', 'logs'],
  ['var/log/wtmp', 'logs', { kind: 'changed', mode: '0664' }, 'binary'],
  ['usr/share', 'directories', { ...folder, kind: 'changed' }],
];

describe('noise', () => {
  const named = ordinary.map(([path, group, extra = {}, content = 'text']: Row) => ({ path, group, extra, content }));
  it.each(named)('has $path in group $group', ({ path, group, extra, content }) => {
    expect(groupOf(path, extra, content)).toBe(group);
  });

  it('takes no program, script or unread file for noise, whatever it is called', () => {
    const power = fc.constantFrom<Partial<Change>>(
      { mode: '0755' },
      { mode: '0645' },
      { mode: '4644' },
      { mode: '0666' },
      { capabilities: 'cap_net_raw=ep' },
      { typeBefore: 'symlink' },
      { kind: 'changed', mode: '0644', modeBefore: '0600' },
      { type: 'symlink', mode: '0777' },
      { type: 'fifo' },
      { type: 'char' },
    );
    const rows = ordinary.filter(([, , extra]) => extra?.type === undefined && extra?.kind !== 'deleted' && extra?.size !== 0);
    const files = fc.nat({ max: rows.length - 1 }).map((index) => rows[index]!);
    fc.assert(
      fc.property(files, power, ([path, , extra], more) => {
        expect(groupOf(path, { ...extra, ...more })).toBeUndefined();
      }),
    );
    const bytes = fc.constantFrom<Artifact['content']>('elf', 'script', 'php', 'unknown');
    fc.assert(
      fc.property(files, bytes, ([path, , extra], content) => {
        expect(groupOf(path, extra, content)).toBeUndefined();
        expect(noiseGroupOf({ change: change(path, extra) })).toBeUndefined();
      }),
    );
  });

  it.each<[string, Partial<ContentFacts>]>([
    ['a program', { elf: { machine: 'x86-64', bits: 64, kind: 'shared', static: false } }],
    ['a script', { interpreter: '/bin/sh' }],
    ['PHP', { type: 'PHP script' }],
    ["a miner's configuration", { strings: [{ kind: 'pool', text: 'stratum+tcp://pool.example:3333' }] }],
    ['a wallet', { strings: [{ kind: 'wallet', text: '4abc' }] }],
  ])('is not what the content facts call %s', (_what, facts) => {
    expect(groupOf('var/lib/apt/lists/x', {}, 'text', {})).toBe('package-lists');
    expect(groupOf('var/lib/apt/lists/x', {}, 'text', facts)).toBeUndefined();
  });

  it.each([
    ['var/lib/apt/lists/.hidden'],
    ['var/lib/apt/lists/x '],
    ['var/lib/apt/lists/x\n'],
    ['var/lib/apt/lists/../../../../etc/passwd'],
    ['tmp/var/lib/apt/lists/x'],
    ['var/cache/aptx'],
    ['run/x.pid.sh'],
    ['tmp/__pycache__/x.py'],
    ['var/log/cron'],
    ['root/.cache/other/x'],
  ])('is not %j, which only looks like it', (path) => {
    expect(groupOf(path)).toBeUndefined();
  });

  it('is no log that shrank, was emptied or is gone, and no long pid file', () => {
    expect(groupOf('var/log/a.log', { kind: 'changed', size: 0 })).toBeUndefined();
    expect(groupOf('var/log/a.log', { kind: 'changed', size: 5, sizeBefore: 10 })).toBeUndefined();
    expect(groupOf('var/log/a.log', { kind: 'deleted' })).toBeUndefined();
    expect(groupOf('run/a.pid', { size: 65 })).toBeUndefined();
    expect(groupOf('var/lib/dpkg/status', { kind: 'deleted' })).toBeUndefined();
  });

  it.each<[string, Partial<Change>]>([
    ['a device that the suspect made', { type: 'char', mode: '0666', origin: 'container' }],
    ['a block device', { type: 'block', mode: '0600', origin: 'runtime' }],
    ['a placeholder with bytes', { origin: 'runtime', size: 10 }],
    ['a placeholder that can be run', { origin: 'mount', size: 0, mode: '0755' }],
    ['a setgid directory at a mount', { type: 'directory', origin: 'mount', mode: '2777' }],
  ])('is not %s', (_what, extra) => {
    expect(noiseGroupOf({ change: change('dev/x', extra) })).toBeUndefined();
  });

  it('is nothing that has no place among patterns, for any name', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
        const each = change(bytes);
        expect(noiseGroupOf({ change: each, artifact: artifactOf(each) })).toBeUndefined();
      }),
    );
  });
});

describe('groups in a report', () => {
  const lists = ['a', 'b', 'c'].map((name) => change(`var/lib/apt/lists/${name}`));
  const report = reportOf(sampleRun([...planted, ...lists]));

  it('are counted with an example, and every row stays in the JSON', () => {
    expect(report.changes.groups).toEqual([
      { group: 'runtime', count: 1, example: '/etc/hosts', container: 'web' },
      { group: 'package-lists', count: 3, example: '/var/lib/apt/lists/a', container: 'web' },
    ]);
    expect(report.changes.rows).toHaveLength(8);
    expect(report.changes.rows.filter(({ group }) => group === 'package-lists')).toHaveLength(3);
  });

  it('stand at the end of the changed paths, for people', () => {
    const markdown = reportMarkdown(report);
    const section = markdown.slice(markdown.indexOf('## Changed paths'), markdown.indexOf('## Acquired files'));
    expect(section.trimEnd().split('\n').at(-1)).toBe('- lists and caches of apt, apk and dnf: 3, such as `/var/lib/apt/lists/a` in `web`');
    expect(section).not.toContain('/var/lib/apt/lists/b');
    expect(section).toContain('/tmp/xmrig');
    expect(terminalReport(report)).toContain('        3  lists and caches of apt, apk and dnf, such as /var/lib/apt/lists/a');
  });

  it('hold no path that a rule fired on', () => {
    const run = sampleRun([...lists]);
    const finding = { rule: 'x', title: 'X', level: 'notice' as const, weight: 1, evidence: 'e', techniques: [] };
    const { containerId, container, place, path } = lists[1]!;
    const found = { ...finding, subject: { container, containerId, place, path } };
    const verdict = { ...run.board.verdict!, findings: [found], findingCount: 1 };
    const rows = reportOf({ ...run, board: { ...run.board, verdict } }).changes.rows;
    expect(rows.map(({ group }) => group)).toEqual(['package-lists', undefined, 'package-lists']);
  });

  it('hold no path whose bytes a source warns of', () => {
    const run = sampleRun([...lists]);
    const lookups = run.artifacts.slice(0, 1).map((artifact) => lookupOf(artifact, 'suspicious'));
    expect(reportOf({ ...run, lookups }).changes.rows[0]?.group).toBeUndefined();
  });

  it('are none where the verdict does not show all of its findings', () => {
    const run = sampleRun([...lists]);
    const verdict = { ...run.board.verdict!, findingCount: 500 };
    expect(reportOf({ ...run, board: { ...run.board, verdict } }).changes.groups).toEqual([]);
  });
});
