import { type Artifact, type ArtifactSource, sourceOfChange } from '../domain/artifact.js';
import type { Change, Place } from '../domain/change.js';
import type { Lookup } from '../domain/lookup.js';
import { pathBytes } from '../domain/path-name.js';
import type { Process } from '../domain/process.js';

/**
 * What a rule looks at: a changed path with the bytes acquired from it and what is known of them; a process with those of its executable; or
 * acquired bytes alone.
 */
export interface Subject {
  readonly change?: Change;
  readonly artifact?: Artifact;
  readonly lookup?: Lookup;
  readonly process?: Process;
}

/** Where a subject lies; undefined for bytes that came from no path. */
export function sourceOf({ change, artifact, process }: Subject): ArtifactSource | undefined {
  if (process !== undefined) {
    const { container, containerId, pid, executable } = process;
    return { container, containerId, place: { kind: 'process', pid }, path: executable.path };
  }
  return change === undefined ? artifact?.source : sourceOfChange(change);
}

/** The identity of a path in a run. */
export function sourceKey({ containerId, place, path }: Pick<ArtifactSource, 'containerId' | 'place' | 'path'>): string {
  return [containerId, ...placeParts(place), path.b64].join('\0');
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
  const source = rawPaths.has(subject) ? undefined : sourceOf(subject);
  if (source !== undefined) rawPaths.set(subject, rawPath(source));
  return rawPaths.get(subject);
}

function mountOf(mountPath: string): string {
  return Buffer.from(mountPath, 'utf8')
    .toString('latin1')
    .replace(/^\/+|\/+$/g, '');
}

/**
 * Joins changes with the artifacts taken from them and with the answers about their hashes, then processes with those of what they run. Files
 * without a change come after the changes, executables without a process last.
 */
export function* joinSubjects(
  changes: Iterable<Change>,
  artifacts: readonly Artifact[],
  lookups: readonly Lookup[],
  processes: readonly Process[] = [],
): Generator<Subject> {
  const answers = worstAnswers(lookups);
  const files = new Map<string, Artifact>();
  for (const artifact of artifacts) {
    if (artifact.kind === 'file' && artifact.source !== undefined) files.set(sourceKey(artifact.source), artifact);
  }
  const used = new Set<string>();
  for (const change of changes) {
    const key = sourceKey(change);
    used.add(key);
    yield { change, ...withAnswer(files.get(key), answers) };
  }
  for (const [key, artifact] of files) if (!used.has(key)) yield withAnswer(artifact, answers);
  yield* processSubjects(processes, artifacts, answers);
}

/**
 * Processes that run the same with the same arguments are one subject: thousands of them say no more than one. What is known of an executable
 * goes with the first process that runs it, so that a file counts once.
 */
function* processSubjects(processes: readonly Process[], artifacts: readonly Artifact[], answers: ReadonlyMap<string, Lookup>): Generator<Subject> {
  const executables = new Map<string, Artifact>();
  for (const artifact of artifacts) {
    if (artifact.kind === 'process-executable' && artifact.source !== undefined)
      executables.set(executableKey(artifact.source.containerId, artifact), artifact);
  }
  const seen = new Set<string>();
  for (const process of [...processes].sort((a, b) => a.pid - b.pid)) {
    const { containerId, executable, arguments: parts } = process;
    const same = JSON.stringify([containerId, executable.state, executable.path.b64, executable.sha256, parts.map(({ b64 }) => b64)]);
    if (seen.has(same)) continue;
    seen.add(same);
    const key = executableKey(containerId, executable);
    yield { process, ...withAnswer(executables.get(key), answers) };
    executables.delete(key);
  }
  for (const artifact of executables.values()) yield withAnswer(artifact, answers);
}

function executableKey(containerId: string, { sha256 }: { readonly sha256?: string | undefined }): string {
  return `${containerId} ${sha256 ?? ''}`;
}

const worstFirst: readonly Lookup['status'][] = [
  'detected',
  'known-bad',
  'suspicious',
  'known-good',
  'undetected',
  'unknown',
  'error',
  'pending',
  'not-asked',
];

/** Where several sources know a hash, the worst that any of them says. */
function worstAnswers(lookups: readonly Lookup[]): ReadonlyMap<string, Lookup> {
  const answers = new Map<string, Lookup>();
  for (const lookup of lookups) {
    const other = answers.get(lookup.sha256);
    if (other === undefined || worstFirst.indexOf(lookup.status) < worstFirst.indexOf(other.status)) answers.set(lookup.sha256, lookup);
  }
  return answers;
}

function withAnswer(artifact: Artifact | undefined, answers: ReadonlyMap<string, Lookup>): Subject {
  if (artifact === undefined) return {};
  const lookup = answers.get(artifact.sha256);
  return { artifact, ...(lookup === undefined ? {} : { lookup }) };
}
