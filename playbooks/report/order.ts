import type { Artifact, ArtifactSource } from '../domain/artifact.js';
import { byText } from '../domain/by-text.js';
import type { Lookup } from '../domain/lookup.js';
import { pathBytes } from '../domain/path-name.js';
import type { Process } from '../domain/process.js';

/** By container, then by path: the same rows in the same order, however they came. */
export function byPath<T extends ArtifactSource>(rows: Iterable<T>): T[] {
  return sorted(rows, pathKey);
}

/** By kind, then by path or name. */
export function byPlace(artifacts: Iterable<Artifact>): Artifact[] {
  return sorted(artifacts, ({ kind, source, name = '' }) => `${kind}\0${source === undefined ? name : pathKey(source)}`);
}

/** By container, then by process id. */
export function byPid(processes: Iterable<Process>): Process[] {
  return sorted(processes, ({ container, containerId, pid }) => [container, containerId, String(pid).padStart(10, '0')].join('\0'));
}

/** By hash, then by source. */
export function byHash(lookups: Iterable<Lookup>): Lookup[] {
  return sorted(lookups, ({ sha256, source }) => `${sha256}\0${source}`);
}

function pathKey({ container, containerId, instance = 'current', place, path }: ArtifactSource): string {
  const where = place.kind === 'volume' ? `1${place.mountPath}\0${place.volume}` : place.kind === 'process' ? `2${place.pid}` : '0';
  return [container, instance, containerId, where, pathBytes(path).toString('latin1')].join('\0');
}

function sorted<T>(rows: Iterable<T>, key: (row: T) => string): T[] {
  const keyed = Array.from(rows, (row) => ({ row, key: key(row) }));
  keyed.sort((a, b) => byText(a.key, b.key) || byText(JSON.stringify(a.row), JSON.stringify(b.row)));
  return keyed.map(({ row }) => row);
}
