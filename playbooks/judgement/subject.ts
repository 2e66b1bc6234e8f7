import { hash } from 'node:crypto';
import { type Artifact, type ArtifactSource, sourceOfChange } from '../domain/artifact.js';
import type { Change, Place } from '../domain/change.js';
import type { ContentFacts } from '../domain/content.js';
import type { Lookup } from '../domain/lookup.js';
import type { PackageFile, PackageState } from '../domain/package.js';
import { pathBytes } from '../domain/path-name.js';
import type { Process } from '../domain/process.js';
import type { Phase } from './container-times.js';

/**
 * What a rule looks at: a changed path with the bytes acquired from it and what is known of them; a process with those of its executable; or
 * acquired bytes alone.
 */
export interface Subject {
  readonly change?: Change;
  readonly artifact?: Artifact;
  readonly lookup?: Lookup;
  readonly process?: Process;
  /** What the bytes say of themselves. */
  readonly content?: ContentFacts;
  /** What package databases say of the path, and what that makes of the bytes; the latter is absent without bytes. */
  readonly package?: PackageFile;
  readonly packageState?: PackageState;
  /** When the path was written last, or the process began; absent where that is not known. */
  readonly phase?: Phase;
  /** True when a copy stands beside the log that is large enough for its old content: nobody has compared the two. */
  readonly rotated?: boolean;
}

/** Whether the bytes are what a list or the image's own package database says is good, and nobody holds them for bad. */
export function isKnownGood({ lookup, packageState }: Subject): boolean {
  return lookup?.status === 'known-good' || (packageState === 'as-packaged' && !isHeldForBad(lookup));
}

/** Whether a source warns of the bytes. */
export function isHeldForBad(lookup: Pick<Lookup, 'status'> | undefined): boolean {
  return lookup?.status === 'detected' || lookup?.status === 'known-bad' || lookup?.status === 'suspicious';
}

/** Where a subject lies; undefined for bytes that came from no path. */
export function sourceOf({ change, artifact, process }: Subject): ArtifactSource | undefined {
  if (process !== undefined) {
    const { container, containerId, pid, executable } = process;
    return { container, containerId, place: { kind: 'process', pid }, path: executable.path };
  }
  return change === undefined ? artifact?.source : sourceOfChange(change);
}

/** V8 hashes a string of more than 16,383 characters by its length alone: a suspect's long names would all meet in one place of a map. */
const longestKey = 8_192;

/** The identity of a path in a run. */
export function sourceKey({ containerId, place, path }: Pick<ArtifactSource, 'containerId' | 'place' | 'path'>): string {
  const key = [containerId, ...placeParts(place), path.b64].join('\0');
  return key.length <= longestKey ? key : hash('sha256', key);
}

function placeParts(place: Place): string[] {
  if (place.kind === 'volume') return ['volume', place.volume, place.mountPath];
  return place.kind === 'process' ? ['process', String(place.pid)] : ['rootfs'];
}

/**
 * A path as the container sees it, without leading `/`, one latin1 character for each byte: nothing that the suspect writes into a name,
 * such as bytes that are no UTF-8, can hide the rest of it from a pattern.
 */
export function rawPath({ place, path }: Pick<ArtifactSource, 'place' | 'path'>): string {
  const name = pathBytes(path).toString('latin1');
  if (place.kind === 'process') return name.replace(/^\/+/, '');
  return place.kind === 'volume' ? `${mountOf(place.mountPath)}/${name}` : name;
}

const rawPaths = new WeakMap<Subject, string>();

/** The {@link rawPath} of a subject, made once: every rule asks for it. Undefined for bytes that came from no path. */
export function rawPathOf(subject: Subject): string | undefined {
  const made = rawPaths.get(subject);
  if (made !== undefined) return made;
  const source = sourceOf(subject);
  if (source !== undefined) rawPaths.set(subject, rawPath(source));
  return rawPaths.get(subject);
}

/** The last name of a path, which may be all of it. */
export function lastName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function mountOf(mountPath: string): string {
  return Buffer.from(mountPath, 'utf8')
    .toString('latin1')
    .replace(/^\/+|\/+$/g, '');
}
