import { describe, expect, it } from 'vitest';
import { lookupStatuses } from '../../../playbooks/domain/lookup.js';
import type { PackageFile } from '../../../playbooks/domain/package.js';
import type { VerdictLevel } from '../../../playbooks/domain/verdict.js';
import { type Evidence, judge } from '../../../playbooks/judgement/judge.js';
import { parseRule } from '../../../playbooks/rule.js';
import { loadRules } from '../rules/load-rules.js';
import { artifactOf, change, lookupOf } from './builders.js';

type Status = (typeof lookupStatuses)[number];

/** A rule of each level over one path, and the project's own about lookups. */
const rules = [
  ...loadRules().filter(({ name }) => name.startsWith('lookup-')),
  ...(['suspicious', 'notice'] as const).map((level) =>
    parseRule(
      `${level}.yaml`,
      `{ name: ${level}, title: T, phrase: a thing, summary: S, level: ${level}, weight: 50, techniques: [], match: [{ paths: [${level}] }],
         examples: [{ path: x }], counterExamples: [{ path: y }] }`,
    ),
  ),
];

const doubtOf: Readonly<Record<Status, string | undefined>> = {
  detected: undefined,
  'known-bad': undefined,
  suspicious: undefined,
  undetected: undefined,
  'known-good': undefined,
  unknown: undefined,
  pending: '1 lookup is still waiting',
  error: '1 lookup failed',
  'not-asked': '1 hash was not asked about',
};

/** What a status makes of a file by itself. */
const levelOf: Readonly<Record<Status, VerdictLevel>> = {
  detected: 'malicious',
  'known-bad': 'malicious',
  suspicious: 'suspicious',
  undetected: 'no-findings',
  'known-good': 'no-findings',
  unknown: 'no-findings',
  pending: 'inconclusive',
  error: 'inconclusive',
  'not-asked': 'inconclusive',
};

const order: readonly VerdictLevel[] = ['no-findings', 'inconclusive', 'suspicious', 'malicious'];
const worst = (...levels: readonly VerdictLevel[]): VerdictLevel => order[Math.max(...levels.map((level) => order.indexOf(level)))] ?? 'malicious';

const doubts: readonly { name: string; extra: Partial<Evidence>; words: readonly string[] }[] = [
  { name: 'no other doubt', extra: {}, words: [] },
  { name: 'a gap', extra: { gaps: [{ subject: 'x', reason: 'path-race' }] }, words: ['1 thing could not be had'] },
  { name: 'a failed step', extra: { failedSteps: ['hash-files'] }, words: ['step hash-files did not succeed'] },
];

function evidence(path: string, status: Status, extra: Partial<Evidence>): Evidence {
  const file = change(path);
  return {
    changes: [file],
    artifacts: [artifactOf(file)],
    lookups: [lookupOf(artifactOf(file), status)],
    rules,
    gaps: [],
    failedSteps: [],
    ...extra,
  };
}

const rows = (['suspicious', 'notice', 'nothing'] as const).flatMap((fires) =>
  lookupStatuses.flatMap((status) => doubts.map((doubt) => ({ fires, status, doubt, title: `${fires}, ${status}, ${doubt.name}` }))),
);

describe('every row of verdicts', () => {
  it.each(rows)('$title', ({ fires, status, doubt }) => {
    const verdict = judge(evidence(fires, status, doubt.extra));
    const lowered = status === 'known-good' && fires === 'suspicious' ? 'notice' : fires;
    const byRule: VerdictLevel = lowered === 'suspicious' ? 'suspicious' : lowered === 'notice' ? 'inconclusive' : 'no-findings';
    expect(verdict.level).toBe(worst(levelOf[status], byRule, doubt.words.length > 0 ? 'inconclusive' : 'no-findings'));
    const words = [doubtOf[status], ...doubt.words].filter((each) => each !== undefined);
    expect([...(verdict.doubts ?? [])].sort()).toEqual([...words].sort());
    expect(JSON.stringify(verdict)).not.toMatch(/clean|harmless|safe/i);
  });
});

describe('what nobody was asked about', () => {
  const files = ['a', 'b', 'c'].map((path) => change(path));
  const artifacts = files.map((file) => artifactOf(file));
  const reasons = ['budget', 'budget', 'policy'];
  const lookups = artifacts.map((artifact, index) => lookupOf(artifact, 'not-asked', { reason: reasons[index] }));

  it('is counted by whether the budget was the reason', () => {
    const verdict = judge({ changes: files, artifacts, lookups, rules, gaps: [], failedSteps: [] });
    expect(verdict).toMatchObject({
      level: 'inconclusive',
      doubts: ['2 hashes are beyond the budget of lookups', '1 hash was not asked about'],
    });
  });
});

it('counts a missing answer once, though a step has noted it as a gap, too', () => {
  const gaps = [{ subject: '1 lookup', reason: 'pending', detail: 'no answer came before the deadline' }];
  expect(judge(evidence('nothing', 'pending', { gaps })).doubts).toEqual(['1 lookup is still waiting']);
  // The answer has come since.
  expect(judge(evidence('nothing', 'undetected', { gaps }))).toMatchObject({ level: 'no-findings' });
});

it('does not say that nothing was found where a file that nobody has looked into is unknown', () => {
  const file = change('x');
  const left = artifactOf(file, 'unknown', { left: true });
  const judged = (status: Status) =>
    judge({ changes: [file], artifacts: [left], lookups: [lookupOf(left, status)], rules, gaps: [], failedSteps: [] });
  expect(judged('unknown')).toMatchObject({
    level: 'inconclusive',
    doubts: ['1 file that was hashed and not looked into is unknown to every source'],
  });
  expect(judged('undetected')).toMatchObject({ level: 'no-findings' });
});

describe('a program that no source knows', () => {
  const program = change('x', { kind: 'changed' });
  const md5 = 'a'.repeat(32);
  const artifact = artifactOf(program, 'elf', { md5 });
  const file = { container: 'web', containerId: program.containerId, path: program.path, manager: 'dpkg' as const };
  const digest = (value: string) => ({ package: 'tool', version: '1', algorithm: 'md5' as const, digest: value });
  const judged = (packages: readonly PackageFile[] = []) =>
    judge({ changes: [program], artifacts: [artifact], lookups: [lookupOf(artifact, 'unknown')], packages, rules, gaps: [], failedSteps: [] });
  const doubt = ['1 program or script is unknown to every source'];

  it('is a doubt', () => {
    expect(judged().doubts).toEqual(doubt);
  });

  it('is none where the image’s packages say that it should be so', () => {
    expect(judged([{ ...file, image: digest(md5) }])).toMatchObject({ level: 'no-findings' });
  });

  it('is one where only the container’s own packages say so, or none does', () => {
    expect(judged([{ ...file, own: digest(md5) }]).doubts).toEqual(doubt);
    expect(judged([{ ...file, image: digest('b'.repeat(32)) }]).doubts).toEqual(doubt);
  });
});
