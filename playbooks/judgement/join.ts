import { hash } from 'node:crypto';
import type { Artifact } from '../domain/artifact.js';
import { byText } from '../domain/by-text.js';
import type { Change } from '../domain/change.js';
import type { ContentFacts } from '../domain/content.js';
import type { Lookup } from '../domain/lookup.js';
import { type PackageFile, packageState } from '../domain/package.js';
import { pathBytes } from '../domain/path-name.js';
import type { Process } from '../domain/process.js';
import { ContainerTimes } from './container-times.js';
import { RotatedLogs } from './rotated-logs.js';
import { type Subject, sourceKey } from './subject.js';

const slash = 0x2f;

/** What is joined to subjects. Listings of older runs, and of steps that failed, may be missing. */
export interface Listings {
  readonly changes: readonly Change[];
  readonly artifacts: readonly Artifact[];
  readonly lookups: readonly Lookup[];
  readonly processes?: readonly Process[];
  readonly content?: readonly ContentFacts[];
  readonly packages?: readonly PackageFile[];
}

/**
 * Joins changes with the artifacts taken from them and with all that is known of their bytes, then processes with those of what they run. Files
 * without a change come after the changes, executables without a process last.
 */
export function* joinSubjects(listings: Listings): Generator<Subject> {
  const { changes, processes = [] } = listings;
  const known = new Known(listings);
  const times = new ContainerTimes(changes, processes);
  const rotated = new RotatedLogs(changes);
  const files = byKey(listings.artifacts, 'file', ({ source }) => sourceKey(source));
  const used = new Set<string>();
  for (const change of changes) {
    const key = sourceKey(change);
    used.add(key);
    const phase = times.phaseOf(change.containerId, change.ctime);
    const subject = { change, ...known.of(files.get(key)), ...known.packageOf(change, files.get(key)) };
    yield { ...subject, ...(phase === undefined ? {} : { phase }), ...(rotated.has(change) ? { rotated: true } : {}) };
  }
  for (const [key, artifact] of files) if (!used.has(key)) yield known.of(artifact);
  yield* processSubjects(processes, listings.artifacts, known, times);
}

/**
 * Processes that run the same with the same arguments are one subject: thousands of them say no more than one. What is known of an executable
 * goes with the first process that runs it, so that a file counts once.
 */
function* processSubjects(processes: readonly Process[], artifacts: readonly Artifact[], known: Known, times: ContainerTimes): Generator<Subject> {
  const executables = byKey(artifacts, 'process-executable', ({ source, sha256 }) => executableKey(source.containerId, { sha256 }));
  const seen = new Set<string>();
  for (const process of [...processes].sort((a, b) => a.pid - b.pid || byText(a.containerId, b.containerId))) {
    const same = sameness(process);
    if (seen.has(same)) continue;
    seen.add(same);
    const key = executableKey(process.containerId, process.executable);
    const phase = times.phaseOf(process.containerId, process.startedAt);
    const executable = executables.get(key);
    yield { process, ...known.of(executable), ...known.packageOf(rootfsPath(process), executable), ...(phase === undefined ? {} : { phase }) };
    executables.delete(key);
  }
  for (const artifact of executables.values()) yield known.of(artifact);
}

/** Where a program lies, or lay: after an upgrade old processes still run what the image's package had there. */
function rootfsPath({ containerId, executable }: Process): Pick<Change, 'containerId' | 'place' | 'path'> {
  const bytes = pathBytes(executable.path);
  const path = bytes[0] === slash ? bytes.subarray(1) : bytes;
  return { containerId, place: { kind: 'rootfs' }, path: { b64: path.toString('base64'), text: '' } };
}

/** The name counts too: a process sets its own, and one of a thousand may call itself something else. So do its connections. */
function sameness({ containerId, name, executable: { state, path, sha256 }, arguments: parts, sockets }: Process): string {
  const isConnected = sockets.some(({ state }) => state === 'ESTABLISHED');
  const executable = [state, path.b64, sha256];
  return hash('sha256', JSON.stringify([containerId, name.b64, executable, parts.map(({ b64 }) => b64), isConnected]));
}

function executableKey(containerId: string, { sha256 }: { readonly sha256?: string | undefined }): string {
  return `${containerId} ${sha256 ?? ''}`;
}

type Sourced = Artifact & { readonly source: NonNullable<Artifact['source']> };

/** Artifacts of one kind; where several have the same key, the one with the smallest id, so that their order does not matter. */
function byKey(artifacts: readonly Artifact[], kind: Artifact['kind'], keyOf: (artifact: Sourced) => string): Map<string, Artifact> {
  const found = new Map<string, Artifact>();
  for (const artifact of artifacts) {
    const { source } = artifact;
    if (artifact.kind !== kind || source === undefined) continue;
    const key = keyOf({ ...artifact, source });
    const other = found.get(key);
    if (other === undefined || artifact.id < other.id) found.set(key, artifact);
  }
  return found;
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

/** What is known of bytes and paths, found by their hashes and places. */
class Known {
  readonly #answers = new Map<string, Lookup>();
  readonly #content = new Map<string, ContentFacts>();
  readonly #packages = new Map<string, PackageFile>();

  constructor({ lookups, content = [], packages = [] }: Listings) {
    for (const lookup of lookups) this.#takeAnswer(lookup);
    for (const facts of content) this.#content.set(facts.sha256, facts);
    for (const file of packages) this.#takePackage(file);
  }

  /** Where several sources know a hash, the worst that any of them says. */
  #takeAnswer(lookup: Lookup): void {
    const other = this.#answers.get(lookup.sha256);
    const worse = other === undefined ? -1 : worstFirst.indexOf(lookup.status) - worstFirst.indexOf(other.status);
    if (worse < 0 || (worse === 0 && byText(JSON.stringify(lookup), JSON.stringify(other)) < 0)) this.#answers.set(lookup.sha256, lookup);
  }

  #takePackage(file: PackageFile): void {
    const key = packageKey(file);
    const other = this.#packages.get(key);
    if (other === undefined || byText(JSON.stringify(file), JSON.stringify(other)) < 0) this.#packages.set(key, file);
  }

  /** Bytes with what is known of them. */
  of(artifact: Artifact | undefined): Subject {
    if (artifact === undefined) return {};
    const lookup = this.#answers.get(artifact.sha256);
    const content = this.#content.get(artifact.sha256);
    return { artifact, ...(lookup === undefined ? {} : { lookup }), ...(content === undefined ? {} : { content }) };
  }

  /** What packages say of a path of the root file system. */
  packageOf(at: Pick<Change, 'containerId' | 'place' | 'path'>, artifact: Artifact | undefined): Subject {
    const file = at.place.kind === 'rootfs' ? this.#packages.get(sourceKey(at)) : undefined;
    if (file === undefined) return {};
    return { package: file, ...(artifact === undefined ? {} : { packageState: packageState(file, artifact) }) };
  }
}

function packageKey({ containerId, path }: Pick<PackageFile, 'containerId' | 'path'>): string {
  return sourceKey({ containerId, place: { kind: 'rootfs' }, path });
}
