import type { Artifact } from '../domain/artifact.js';
import type { Change } from '../domain/change.js';
import type { Lookup } from '../domain/lookup.js';
import type { Process } from '../domain/process.js';
import type { Gap } from '../domain/run.js';
import { shortText } from '../domain/short-text.js';
import type { Finding, Verdict, VerdictLevel } from '../domain/verdict.js';
import type { Rule } from '../rule.js';
import { Doubts } from './doubts.js';
import { evidenceOf } from './evidence.js';
import { FindingList } from './finding-list.js';
import { type HeadlineFacts, headlineOf } from './headline.js';
import { joinSubjects, type Subject, sourceOf } from './subject.js';

/** All that a verdict is made of. Missing pieces are named in `gaps` and `failedSteps`. */
export interface Evidence {
  /** Read once. */
  readonly changes: Iterable<Change>;
  readonly artifacts: readonly Artifact[];
  readonly lookups: readonly Lookup[];
  readonly processes?: readonly Process[];
  readonly rules: readonly Rule[];
  readonly gaps: readonly Gap[];
  readonly failedSteps: readonly string[];
  /** Mount points, writable for the suspect, that no diff shows and that were not collected. */
  readonly blindSpots?: readonly string[];
}

type Level = Finding['level'];

interface Tally {
  readonly findings: FindingList;
  readonly doubts: Doubts;
  /** Paths by the worst level that a rule gave them. */
  readonly subjects: Record<Level, number>;
  readonly labels: Set<string>;
  readonly techniques: Set<string>;
  /** The heaviest rule on a path that is not known malware. */
  best?: Rule;
  /** Hashes of known malware: a file that is also run is one. */
  readonly malware: Set<string>;
  changes: number;
  files: number;
  processes: number;
}

/** Judges: the same evidence and rules give the same verdict, whatever their order. */
export function judge(evidence: Evidence): Verdict {
  const tally: Tally = {
    findings: new FindingList(),
    doubts: new Doubts(),
    subjects: { malicious: 0, suspicious: 0, notice: 0 },
    labels: new Set(),
    techniques: new Set(),
    malware: new Set(),
    changes: 0,
    files: 0,
    processes: evidence.processes?.length ?? 0,
  };
  const subjects = joinSubjects(evidence.changes, evidence.artifacts, evidence.lookups, evidence.processes);
  for (const subject of subjects) weigh(tally, subject, evidence.rules);
  for (const lookup of evidence.lookups) tally.doubts.lookup(lookup);
  const doubts = tally.doubts.words(evidence.gaps, evidence.failedSteps);
  const level = levelOf(tally, doubts);
  return {
    level,
    headline: headlineOf(headlineFacts(tally, level, doubts, evidence.blindSpots ?? [])),
    findings: tally.findings.shown(),
    findingCount: tally.findings.count,
    techniques: [...tally.techniques].sort(),
    ...(doubts.length === 0 ? {} : { doubts }),
  };
}

function weigh(tally: Tally, subject: Subject, rules: readonly Rule[]): void {
  if (subject.change !== undefined) tally.changes += 1;
  if (subject.artifact?.kind === 'file') tally.files += 1;
  tally.doubts.add(subject);
  const fired = rules.filter((rule) => rule.fires(subject));
  for (const rule of fired) {
    tally.findings.add(findingOf(rule, subject));
    for (const technique of rule.techniques) tally.techniques.add(technique);
  }
  const worst = (['malicious', 'suspicious', 'notice'] as const).find((level) => fired.some((rule) => levelOn(rule, subject) === level));
  if (worst === undefined) return;
  if (worst !== 'malicious') tally.subjects[worst] += 1;
  if (worst === 'malicious') nameMalware(tally, subject);
  else if (subject.change?.listedOnly !== true) for (const rule of fired) if (isHeavier(rule, tally.best)) tally.best = rule;
}

/** Nobody knows who wrote what lies in a directory of the node or in a volume that outlives the pod: there, a rule is no more than a hint. */
function levelOn(rule: Rule, { change }: Subject): Level {
  return change?.listedOnly === true ? 'notice' : rule.level;
}

function nameMalware(tally: Tally, { artifact, lookup }: Subject): void {
  const sha256 = artifact?.sha256 ?? '';
  if (artifact?.kind !== 'process-executable' || !tally.malware.has(sha256)) tally.subjects.malicious += 1;
  tally.malware.add(sha256);
  const label = lookup?.label ?? lookup?.name;
  if (label !== undefined) tally.labels.add(label);
}

function isHeavier(rule: Rule, than: Rule | undefined): boolean {
  return than === undefined || rule.weight > than.weight || (rule.weight === than.weight && rule.name < than.name);
}

/** A path of more bytes than this is not repeated in findings: the evidence shows its beginning, the listing holds all of it. */
const maxSubjectBytes = 2 * 1024;

function findingOf(rule: Rule, subject: Subject): Finding {
  const source = sourceOf(subject);
  const { artifact } = subject;
  return {
    rule: rule.name,
    title: rule.title,
    level: levelOn(rule, subject),
    weight: rule.weight,
    ...(source === undefined || Buffer.byteLength(JSON.stringify(source)) > maxSubjectBytes ? {} : { subject: source }),
    ...(artifact === undefined ? {} : { sha256: artifact.sha256 }),
    evidence: evidenceOf(subject),
    techniques: [...rule.techniques],
  };
}

function levelOf({ subjects, findings }: Tally, doubts: readonly string[]): VerdictLevel {
  if (subjects.malicious > 0) return 'malicious';
  if (subjects.suspicious > 0) return 'suspicious';
  return findings.count > 0 || doubts.length > 0 ? 'inconclusive' : 'no-findings';
}

function headlineFacts(tally: Tally, level: VerdictLevel, doubts: readonly string[], blindSpots: readonly string[]): HeadlineFacts {
  const { subjects, changes, files, processes, best } = tally;
  return {
    level,
    malicious: subjects.malicious,
    suspicious: subjects.suspicious,
    notices: subjects.notice,
    labels: [...tally.labels].sort(),
    ...(best === undefined ? {} : { phrase: shortText(best.phrase, 60) }),
    doubts,
    changes,
    files,
    processes,
    blindSpots,
  };
}
