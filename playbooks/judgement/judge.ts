import type { Gap } from '../domain/run.js';
import { shortText } from '../domain/short-text.js';
import type { Finding, Verdict, VerdictLevel } from '../domain/verdict.js';
import type { Grade, Rule } from '../rule.js';
import { Doubts } from './doubts.js';
import { evidenceOf } from './evidence.js';
import { FindingList } from './finding-list.js';
import { type HeadlineFacts, headlineOf } from './headline.js';
import { joinSubjects, type Listings } from './join.js';
import { type Subject, sourceOf } from './subject.js';

/** All that a verdict is made of. Missing pieces are named in `gaps` and `failedSteps`. */
export interface Evidence extends Listings {
  readonly rules: readonly Rule[];
  readonly gaps: readonly Gap[];
  readonly failedSteps: readonly string[];
  /** Mount points, writable for the suspect, that no diff shows and that were not collected. */
  readonly blindSpots?: readonly string[];
}

type Level = Finding['level'];

const levels: readonly Level[] = ['malicious', 'suspicious', 'notice'];

/** A rule that fired, and what that means of the subject at hand. */
interface Fired {
  readonly rule: Rule;
  readonly grade: Grade;
}

interface Tally {
  readonly findings: FindingList;
  readonly doubts: Doubts;
  /** Paths by the worst level that a rule gave them. */
  readonly subjects: Record<Level, number>;
  readonly labels: Set<string>;
  readonly techniques: Set<string>;
  /** The worst that fired on a path that is not known malware. */
  best?: Fired;
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
  for (const subject of joinSubjects(evidence)) weigh(tally, subject, evidence.rules);
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
  const fired = rules.filter((rule) => rule.fires(subject)).map((rule) => ({ rule, grade: rule.gradeOf(subject) }));
  for (const { rule, grade } of fired) {
    tally.findings.add(findingOf(rule, grade, subject));
    for (const technique of rule.techniques) tally.techniques.add(technique);
  }
  const worst = levels.find((level) => fired.some(({ grade }) => grade.level === level));
  if (worst === undefined) return;
  if (worst === 'malicious') nameMalware(tally, subject);
  else tally.subjects[worst] += 1;
  if (worst !== 'malicious' && subject.change?.listedOnly !== true) for (const each of fired) if (isHeavier(each, tally.best)) tally.best = each;
}

function nameMalware(tally: Tally, { artifact, lookup }: Subject): void {
  const sha256 = artifact?.sha256 ?? '';
  if (artifact?.kind !== 'process-executable' || !tally.malware.has(sha256)) tally.subjects.malicious += 1;
  tally.malware.add(sha256);
  const label = lookup?.label ?? lookup?.name;
  if (label !== undefined) tally.labels.add(label);
}

function isHeavier(fired: Fired, than: Fired | undefined): boolean {
  if (than === undefined) return true;
  const byLevel = levels.indexOf(than.grade.level) - levels.indexOf(fired.grade.level);
  const order = byLevel || fired.grade.weight - than.grade.weight;
  return order > 0 || (order === 0 && fired.rule.name < than.rule.name);
}

/** A path of more bytes than this is not repeated in findings: the evidence shows its beginning, the listing holds all of it. */
const maxSubjectBytes = 2 * 1024;

function findingOf(rule: Rule, { level, weight }: Grade, subject: Subject): Finding {
  const source = sourceOf(subject);
  const { artifact } = subject;
  return {
    rule: rule.name,
    title: rule.title,
    level,
    weight,
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
    ...(best === undefined ? {} : { phrase: shortText(best.rule.phrase, 60) }),
    doubts,
    changes,
    files,
    processes,
    blindSpots,
  };
}
