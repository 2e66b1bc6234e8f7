import { hash } from 'node:crypto';
import type { Artifact, ArtifactSource, ContentType } from './artifact.js';
import type { WantedHash } from './lookup.js';
import { pathBytes } from './path-name.js';

/** The sha256 of no bytes at all: nothing can be known of it. */
const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const rank: Readonly<Record<ContentType, number>> = { elf: 0, script: 1, php: 1, binary: 2, archive: 2, unknown: 2, text: 3, empty: 4 };
/** Of what a process runs and the image does not have. */
const runs = -1;

/** A hash, and by what it stands beside others. */
interface Ranked {
  readonly sha256: string;
  readonly rank: number;
  /** Of the size: files that are made by the thousand are small, or alike. */
  readonly magnitude: number;
  readonly directory: string;
  /** Puts those in order that nothing else does. */
  readonly lot: string;
}

/**
 * The hashes that a run wants to know about, each once and best first: what a process runs that is not the image's, then other executables among
 * the changes, then scripts, then configuration and what cannot be told, then the rest; empty files never. Who writes files by the thousand
 * must not push the one that matters out of a budget: those of about one size take turns by directory, and each time that there are four times as
 * many of them, the next ones are one rank worse. Where nothing else decides, the draw does, which nobody could know when the files were written.
 * @param draw chosen after the pod was written to, such as the id of the run; the same draw gives the same order
 */
export function wantedHashes(artifacts: Iterable<Artifact>, draw: string): WantedHash[] {
  const ranked = rankedHashes(artifacts, draw).sort(byLot);
  const inDirectory = places(ranked, ({ rank, magnitude, directory }) => `${rank} ${magnitude} ${directory}`);
  ranked.sort((a, b) => placeIn(inDirectory, a) - placeIn(inDirectory, b) || byLot(a, b));
  const inKind = places(ranked, ({ rank, magnitude }) => `${rank} ${magnitude}`);
  const worse = (each: Ranked): number => each.rank + timesFour(placeIn(inKind, each));
  ranked.sort((a, b) => worse(a) - worse(b) || placeIn(inKind, a) - placeIn(inKind, b) || a.rank - b.rank || byLot(a, b));
  return ranked.map(({ sha256, rank }) => ({ sha256, rank: Math.max(0, Math.min(3, rank)) as WantedHash['rank'] }));
}

function rankedHashes(artifacts: Iterable<Artifact>, draw: string): Ranked[] {
  const groups = new Map<string, Artifact[]>();
  for (const artifact of artifacts) {
    const { kind, sha256 } = artifact;
    if ((kind !== 'file' && kind !== 'process-executable') || sha256 === emptySha256) continue;
    const group = groups.get(sha256);
    if (group === undefined) groups.set(sha256, [artifact]);
    else group.push(artifact);
  }
  return Array.from(groups, ([sha256, same]) => ({
    sha256,
    rank: rankOf(same),
    magnitude: timesFour(same[0]?.size ?? 0),
    directory: same.map(({ source }) => (source === undefined ? '' : directoryOf(source))).sort()[0] ?? '',
    lot: hash('sha256', `${draw}\0${sha256}`),
  }));
}

/** What a process runs of its container's files is mostly the image's own; unless it is among the changes, too. */
function rankOf(same: readonly Artifact[]): number {
  const files = same.filter(({ kind }) => kind === 'file');
  const isRun = files.length < same.length;
  const isOwn = same.some(({ kind, left }) => kind === 'process-executable' && left !== true);
  if (isOwn || (isRun && files.length > 0)) return runs;
  return isRun ? 3 : Math.min(...files.map(({ content }) => rank[content]));
}

function directoryOf({ containerId, place, path }: ArtifactSource): string {
  const name = pathBytes(path).toString('latin1');
  const volume = place.kind === 'volume' ? place.mountPath : '';
  return [containerId, place.kind, volume, name.slice(0, Math.max(0, name.lastIndexOf('/')))].join('\0');
}

/** The place of each among those with the same key, from 0, in the order in which they come. */
function places(ranked: readonly Ranked[], keyOf: (each: Ranked) => string): ReadonlyMap<Ranked, number> {
  const counts = new Map<string, number>();
  return new Map(
    ranked.map((each) => {
      const key = keyOf(each);
      const place = counts.get(key) ?? 0;
      counts.set(key, place + 1);
      return [each, place];
    }),
  );
}

/** How often a number from 0 on can be divided by four. */
function timesFour(count: number): number {
  return Math.floor(Math.log2(1 + count) / 2);
}

function placeIn(places: ReadonlyMap<Ranked, number>, each: Ranked): number {
  return places.get(each) ?? 0;
}

function byLot(a: Ranked, b: Ranked): number {
  return a.lot < b.lot ? -1 : 1;
}

/** The hashes that a run may spend a request on: of those that nothing else tells of, the first ones, as many as its budget has. */
export function withinBudget(wanted: readonly WantedHash[], isFree: (sha256: string) => boolean, budget: number): WantedHash[] {
  return wanted.filter(({ sha256, free }) => free !== true && !isFree(sha256)).slice(0, budget);
}
