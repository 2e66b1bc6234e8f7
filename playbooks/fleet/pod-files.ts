import type { Artifact, ArtifactSource } from '../domain/artifact.js';
import type { Lookup } from '../domain/lookup.js';
import type { PathName } from '../domain/path-name.js';
import type { Verdict } from '../domain/verdict.js';
import { type FleetLevel, fleetLevels } from './report.js';

/** A file of one pod, as it is compared with those of others. */
export interface PodFile {
  readonly container: string;
  readonly place: string;
  readonly path: PathName;
  readonly sha256: string;
  readonly size: number;
  readonly level: FleetLevel;
}

/** The acquired files of a run, each once, with what verdict and answers say of them. */
export function filesOf(artifacts: readonly Artifact[], verdict: Verdict | undefined, lookups: readonly Lookup[]): readonly PodFile[] {
  const levels = levelsOf(verdict, lookups);
  const files = new Map<string, PodFile>();
  for (const { kind, source, sha256, size } of artifacts) {
    if (source === undefined || (kind !== 'file' && kind !== 'process-executable')) continue;
    const { container, path } = source;
    const place = placeText(source);
    const level = worse(levels.get(sha256), levels.get(subjectKey(source)));
    files.set([container, place, path.b64, sha256].join('\0'), { container, place, path, sha256, size, level });
  }
  return [...files.values()];
}

/** The worse of two. */
export function worse(a: FleetLevel = 'none', b: FleetLevel = 'none'): FleetLevel {
  return fleetLevels.indexOf(a) <= fleetLevels.indexOf(b) ? a : b;
}

function levelsOf(verdict: Verdict | undefined, lookups: readonly Lookup[]): ReadonlyMap<string, FleetLevel> {
  const levels = new Map<string, FleetLevel>();
  const note = (key: string, level: FleetLevel): void => void levels.set(key, worse(levels.get(key), level));
  for (const { level, sha256, subject } of verdict?.findings ?? []) {
    if (sha256 !== undefined) note(sha256, level);
    if (subject !== undefined) note(subjectKey(subject), level);
  }
  for (const { sha256, status } of lookups) {
    if (status === 'detected' || status === 'known-bad') note(sha256, 'malicious');
    if (status === 'suspicious') note(sha256, 'suspicious');
  }
  return levels;
}

function subjectKey(source: ArtifactSource): string {
  return [source.container, placeText(source), source.path.b64].join('\0');
}

/** Numbers of processes differ from pod to pod and say nothing. */
function placeText({ place }: ArtifactSource): string {
  return place.kind === 'volume' ? `volume:${place.volume}` : place.kind;
}
