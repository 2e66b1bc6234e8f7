import type { Change } from '../domain/change.js';
import type { Lookup } from '../domain/lookup.js';
import { cutText } from '../domain/short-text.js';
import type { Verdict } from '../domain/verdict.js';
import { containerText, pathText } from '../judgement/evidence.js';
import { sourceKey } from '../judgement/subject.js';
import type { Known } from './known.js';
import type { ChangeRow, Counts, NoiseCount } from './model.js';
import { type NoiseGroup, noiseGroupOf, noiseGroups } from './noise.js';
import { firstRows, type Rows } from './rows.js';

/** What tells whether a changed path is ordinary. */
interface Context {
  readonly known: Known;
  readonly lookups: readonly Lookup[];
  readonly verdict: Verdict;
}

interface ChangeSection extends Rows<ChangeRow> {
  readonly counts: Counts['changes'];
  readonly groups: NoiseCount[];
}

/** The group of a changed path that is ordinary, or undefined. */
export type GroupOf = (change: Change) => NoiseGroup | undefined;

/** Changed paths in their order, those that are ordinary with their group, and how many there are of each kind and group. */
export function changeSection(changes: Iterable<Change>, groupOf: GroupOf): ChangeSection {
  const counts = { total: 0, added: 0, changed: 0, deleted: 0, present: 0 };
  const groups = new Map<NoiseGroup, NoiseCount>();
  const rows = firstRows(withGroups(changes, groupOf), (change) => {
    counts.total += 1;
    counts[change.kind] += 1;
    if (change.group === undefined) return;
    const { group } = change;
    const before = groups.get(group) ?? { group, count: 0, example: cutText(pathText(change), 300), container: containerText(change) };
    groups.set(group, { ...before, count: before.count + 1 });
  });
  return { ...rows, counts, groups: noiseGroups.flatMap((group) => groups.get(group) ?? []) };
}

function* withGroups(changes: Iterable<Change>, groupOf: GroupOf): Generator<ChangeRow> {
  for (const change of changes) {
    const group = groupOf(change);
    yield group === undefined ? change : { ...change, group };
  }
}

const warnings: ReadonlySet<Lookup['status']> = new Set(['detected', 'suspicious', 'known-bad']);

/**
 * A path with a finding, or whose bytes a source warns of, is in no group. Where a verdict has more findings than it shows, nobody can tell
 * which paths those are of, and nothing is grouped.
 */
export function classifier({ known, lookups, verdict }: Context): GroupOf {
  if (verdict.findingCount > verdict.findings.length) return () => undefined;
  const found = new Set(verdict.findings.flatMap(({ subject }) => (subject === undefined ? [] : [sourceKey(subject)])));
  const foundBytes = new Set(verdict.findings.flatMap(({ sha256 }) => sha256 ?? []));
  const warned = new Set(lookups.filter(({ status }) => warnings.has(status)).map(({ sha256 }) => sha256));
  return (change) => {
    if (found.has(sourceKey(change))) return undefined;
    const artifact = known.file(change);
    if (artifact === undefined) return noiseGroupOf({ change });
    if (foundBytes.has(artifact.sha256) || warned.has(artifact.sha256)) return undefined;
    return noiseGroupOf({ change, artifact, content: known.content(artifact.sha256) });
  };
}
