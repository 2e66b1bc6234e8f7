import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Artifact } from '../../../playbooks/domain/artifact.js';
import { wantedHashes } from '../../../playbooks/domain/lookup-order.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import type { Process } from '../../../playbooks/domain/process.js';
import { verdictSchema } from '../../../playbooks/domain/verdict.js';
import { maxFactBytes } from '../../../playbooks/facts.js';
import { type Evidence, judge } from '../../../playbooks/judgement/judge.js';
import { loadRules } from '../rules/load-rules.js';
import { artifactOf, change, executableOf, lookupOf, processOf } from './builders.js';

const rules = loadRules();
type Status = Parameters<typeof lookupOf>[1];

/** Processes, what is known of what they run, and what of it is left on the node. */
function evidence(rows: readonly (readonly [Process, Status | undefined])[], extra: Partial<Evidence> = {}): Evidence {
  const artifacts = rows.map(([process]) => executableOf(process, process.executable.state === 'present' ? { left: true } : {}));
  const lookups = rows.flatMap(([, status], index) => (status === undefined ? [] : [lookupOf(artifacts[index] as Artifact, status)]));
  return { changes: [], processes: rows.map(([process]) => process), artifacts, lookups, rules, gaps: [], failedSteps: [], ...extra };
}

const nginx = processOf(10);
const deleted = processOf(20, '/tmp/x', { executable: { state: 'deleted', path: pathName(Buffer.from('/tmp/x')) } });
const words = (process: Process, ...parts: string[]): Process => ({ ...process, arguments: parts.map((part) => pathName(Buffer.from(part))) });
const rulesOf = (input: Evidence) => judge(input).findings.map(({ rule }) => rule);

describe('a verdict on processes', () => {
  it.each<[string, Evidence, string, string[]]>([
    ['a program of the image that no source knows', evidence([[nginx, 'unknown']]), 'no-findings', []],
    ['a program that was deleted', evidence([[deleted, 'unknown']]), 'suspicious', ['fileless-executable']],
    ['a program of the image that is known malware', evidence([[nginx, 'detected']]), 'malicious', ['lookup-detected']],
    ['a deleted program that is known malware', evidence([[deleted, 'detected']]), 'malicious', ['lookup-detected', 'fileless-executable']],
    [
      'a shell that runs a miner’s script',
      evidence([[words(nginx, 'sh', '-c', 'x -o stratum+tcp://pool:3333'), 'known-good']]),
      'suspicious',
      ['miner-command-line'],
    ],
    ['a program of the image that was not looked up', evidence([[nginx, undefined]]), 'inconclusive', []],
    ['a program of the image whose answer is awaited', evidence([[nginx, 'pending']]), 'inconclusive', []],
    ['a listing that failed', evidence([], { failedSteps: ['list-processes'] }), 'inconclusive', []],
    ['an executable that could not be read', evidence([], { gaps: [{ subject: 'web: process 1', reason: 'could-not-read' }] }), 'inconclusive', []],
  ])('for %s', (_name, input, level, fired) => {
    expect(judge(input).level).toBe(level);
    expect(rulesOf(input)).toEqual(fired);
  });

  it('finds a process once, however many run the same', () => {
    const many = Array.from({ length: 2_000 }, (_, index) => ({ ...deleted, pid: 100 + index }));
    const input = { ...evidence([[deleted, 'detected']]), processes: many };
    expect(rulesOf(input)).toEqual(['lookup-detected', 'fileless-executable']);
    expect(judge(input).headline).toMatch(/^1 file is known malware/);
  });

  it('counts malware that lies on disk and runs as one file', () => {
    const file = change('tmp/x', { mode: '0755' });
    const running = processOf(30, '/tmp/x', {
      executable: { state: 'present', path: pathName(Buffer.from('/tmp/x')), sha256: artifactOf(file).sha256 },
    });
    const input = evidence([[running, 'detected']]);
    const verdict = judge({ ...input, changes: [file], artifacts: [artifactOf(file, 'elf'), ...input.artifacts] });
    expect(verdict.headline).toMatch(/^1 file is known malware/);
    expect(verdict.findings.filter(({ rule }) => rule === 'lookup-detected')).toHaveLength(2);
  });

  it('says malware of an executable whose process is in no listing', () => {
    expect(judge({ ...evidence([[deleted, 'detected']]), processes: [] }).level).toBe('malicious');
  });

  it('names the process, what it runs and how it was called', () => {
    const [finding] = judge(evidence([[words(deleted, '/tmp/x', '-o', 'a b', '', ''), 'unknown']])).findings;
    expect(finding?.evidence).toBe(
      'process 20 (nginx) runs the deleted /tmp/x as user 0 in container web; elf; arguments /tmp/x -o "a b"; virustotal: unknown',
    );
    expect(finding?.subject).toMatchObject({ place: { kind: 'process', pid: 20 }, path: { text: '/tmp/x' } });
  });

  it('says how many processes it has looked at', () => {
    expect(judge(evidence([[nginx, 'unknown']])).headline).toBe('Nothing that was looked for was found in 0 changed paths, 0 files and 1 process.');
  });

  it('fits its fact, is safe to print and does not depend on any order, whatever the arguments', () => {
    const text = fc.uint8Array({ maxLength: 300 }).map((bytes) => pathName(Buffer.from(bytes)));
    const row = fc.record({
      path: text,
      name: text,
      arguments: fc.array(text, { maxLength: 5 }),
      state: fc.constantFrom('present', 'deleted', 'memfd'),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 30 }), (rows) => {
        const processes = rows.map(({ path, state, ...rest }, index) =>
          processOf(index + 1, '', { ...rest, executable: { state, path, filesystem: 'tmpfs' } }),
        );
        const input = evidence(processes.map((process) => [process, 'unknown'] as const));
        const verdict = verdictSchema.parse(judge(input));
        expect(Buffer.byteLength(JSON.stringify(verdict))).toBeLessThan(maxFactBytes);
        expect(verdict.findings.map(({ evidence: each }) => each).join('')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(judge({ ...input, processes: processes.toReversed() })).toEqual(verdict);
      }),
      { numRuns: 60 },
    );
  });
});

describe('the order of lookups', () => {
  it('begins with what only a process has, and asks about the image’s own programs late', () => {
    const binary = change('usr/bin/x');
    const text = change('etc/motd');
    const artifacts = [executableOf(nginx, { left: true }), artifactOf(text, 'text'), artifactOf(binary, 'elf'), executableOf(deleted)];
    expect(
      wantedHashes(artifacts, 'r1')
        .slice(0, 2)
        .map(({ sha256 }) => sha256),
    ).toEqual([executableOf(deleted).sha256, artifactOf(binary).sha256]);
    expect(wantedHashes(artifacts, 'r1')).toHaveLength(4);
  });
});

describe('a process that runs on after its package was upgraded', () => {
  const md5 = 'a'.repeat(32);
  const nginx = processOf(7, '/usr/sbin/nginx', { executable: { ...processOf(7).executable, state: 'deleted' } });
  const said = { package: 'nginx', algorithm: 'md5' as const };
  const row = { container: 'web', containerId: nginx.containerId, path: pathName(Buffer.from('usr/sbin/nginx')), manager: 'dpkg' as const };
  const judged = (image: string) => {
    const artifact = executableOf(nginx, { md5 });
    return judge({
      changes: [],
      artifacts: [artifact],
      lookups: [lookupOf(artifact, 'unknown')],
      processes: [nginx],
      packages: [{ ...row, image: { ...said, digest: image }, own: { ...said, digest: 'c'.repeat(32) } }],
      rules,
      gaps: [],
      failedSteps: [],
    });
  };

  it('is no finding, as its deleted program is what the image’s package had there', () => {
    expect(judged(md5)).toMatchObject({ level: 'no-findings' });
  });

  it('is one when it was another program', () => {
    expect(judged('b'.repeat(32))).toMatchObject({ level: 'suspicious', findings: [{ rule: 'fileless-executable' }] });
  });
});
