import { cutText } from '../domain/short-text.js';
import type { Finding } from '../domain/verdict.js';
import { containerText, pathText } from '../judgement/evidence.js';
import { sourceKey } from '../judgement/subject.js';
import type { Known } from './known.js';
import type { Look } from './model.js';

const maxLooks = 10;

/** The paths to look at first: those with the heaviest finding, then those that more rules agree on, then in the verdict's order. */
export function lookAtFirst(findings: readonly Finding[], known: Known): Look[] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = keyOf(finding);
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  return [...groups.values()]
    .map((group) => ({ group, weight: Math.max(...group.map((finding) => finding.weight)) }))
    .sort((a, b) => b.weight - a.weight || b.group.length - a.group.length)
    .slice(0, maxLooks)
    .flatMap(({ group }, index) => lookOf(group, index + 1, known));
}

function keyOf({ subject, sha256, evidence }: Finding): string {
  return subject === undefined ? `${sha256 ?? ''}\0${evidence}` : sourceKey(subject);
}

function lookOf(group: readonly Finding[], rank: number, known: Known): Look[] {
  const [first] = [...group].sort((a, b) => b.weight - a.weight);
  if (first === undefined) return [];
  const { subject, sha256, level, evidence } = first;
  return [
    {
      rank,
      level,
      where: subject === undefined ? (sha256 ?? 'a path too long to show') : cutText(pathText(subject), 300),
      ...(subject === undefined ? {} : { container: containerText(subject) }),
      ...(sha256 === undefined ? {} : { sha256 }),
      why: group.map(({ title }) => title),
      evidence,
      ...known.texts(sha256, subject),
    },
  ];
}
