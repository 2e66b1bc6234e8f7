import type { ArtifactSource } from '../domain/artifact.js';
import { trustedFirst } from '../domain/engines.js';
import type { Lookup } from '../domain/lookup.js';
import type { Process } from '../domain/process.js';
import { cutText, safeText, shortText } from '../domain/short-text.js';
import type { rawPath } from './subject.js';
import { type Subject, sourceOf } from './subject.js';
import { listOf } from './words.js';

/** Most characters of one finding's evidence. */
const maxEvidence = 400;
const maxPath = 160;
const day = 86_400_000;

/** One line of safe text: what was found where, and what is known of it. */
export function evidenceOf(subject: Subject): string {
  // What a source says comes before what takes more room: the end may be cut off.
  const parts = [
    changeWords(subject),
    contentWords(subject),
    argumentWords(subject),
    targetWords(subject),
    subject.lookup === undefined ? '' : lookupWords(subject.lookup),
    ...byteWords(subject),
    packageWords(subject),
    ...timeWords(subject),
  ];
  return cutText(parts.filter((part) => part !== '').join('; '), maxEvidence);
}

function changeWords({ change, artifact, process }: Subject): string {
  if (process !== undefined) return processWords(process);
  const source = sourceOf({ ...(change === undefined ? {} : { change }), ...(artifact === undefined ? {} : { artifact }) });
  if (source === undefined) return artifact === undefined ? 'bytes without a path' : `bytes with sha256 ${artifact.sha256}`;
  const what = change === undefined ? 'file' : `${change.kind} ${change.type === 'unknown' ? 'path' : change.type}`;
  return `${what} ${cutText(pathText(source), maxPath)} in container ${containerText(source)}`;
}

/** A container's name, and which life of it where it is not the current one; safe to print, at most 83 characters. */
export function containerText({ container, instance }: Pick<ArtifactSource, 'container' | 'instance'>): string {
  return `${shortText(container, 63)}${instance === 'previous' ? ' (previous instance)' : ''}`;
}

const stateWords: Readonly<Record<Process['executable']['state'], string>> = {
  present: 'runs',
  deleted: 'runs the deleted',
  memfd: 'runs from memory alone',
  unreadable: 'runs something that could not be read,',
};

function processWords({ container, pid, name, uid, executable }: Process): string {
  const path = cutText(executable.path.text === '' ? 'without a name' : executable.path.text, maxPath);
  return `process ${pid} (${cutText(name.text, 64)}) ${stateWords[executable.state]} ${path} as user ${uid} in container ${shortText(container, 63)}`;
}

const shownStrings: ReadonlySet<string> = new Set(['pool', 'wallet']);

/** What the bytes say of themselves, as far as it is remarkable. */
function byteWords({ content }: Subject): string[] {
  if (content === undefined) return [];
  const strings = content.strings.filter(({ kind }) => shownStrings.has(kind)).slice(0, 2);
  return [
    content.elf?.packed === undefined ? '' : `packed (${safeText(content.elf.packed, 60)})`,
    content.interpreter === undefined ? '' : `script for ${safeText(content.interpreter, 60)}`,
    ...strings.map(({ kind, text }) => `${kind} ${safeText(text, 80)}`),
  ];
}

const stateOfPackage: Readonly<Partial<Record<NonNullable<Subject['packageState']>, string>>> = {
  'as-packaged': 'as in the image’s package',
  'as-upgraded': 'as in a package that the container’s own database names',
  differs: 'differs from package',
  edited: 'configuration, not as in package',
};

function packageWords({ package: file, packageState }: Subject): string {
  const words = packageState === undefined ? undefined : stateOfPackage[packageState];
  const name = (packageState === 'as-upgraded' ? file?.own : (file?.image ?? file?.own))?.package;
  return words === undefined ? '' : `${words}${name === undefined ? '' : ` ${safeText(name, 60)}`}`;
}

/** Times that do not go together, and what was written before the container had set itself up. */
function timeWords({ change, phase }: Subject): string[] {
  if (change === undefined) return [];
  const { kind, size, sizeBefore, mtime, mtimeBefore, ctime } = change;
  const isKept = kind === 'changed' && mtime !== undefined && mtime === mtimeBefore && size !== sizeBefore;
  const isOld = mtime !== undefined && ctime !== undefined && mtime !== mtimeBefore && Date.parse(ctime) - Date.parse(mtime) >= day;
  return [
    sizeBefore === undefined || size === sizeBefore ? '' : `${sizeBefore} bytes in the image`,
    isKept ? `dated ${mtime} as in the image` : isOld ? `dated ${mtime}` : '',
    (isKept || isOld) && ctime !== undefined ? `written ${ctime}` : '',
    phase === 'at-start' ? 'written while the container started' : '',
  ];
}

function argumentWords({ process }: Subject): string {
  return process === undefined || process.arguments.length === 0 ? '' : `arguments ${cutText(argumentText(process), maxPath)}`;
}

/** The arguments of a process on one line, safe to print; the empty ones that a process leaves at their end are not shown. */
export function argumentText({ arguments: parts, argumentsCut }: Pick<Process, 'arguments' | 'argumentsCut'>): string {
  const last = parts.findLastIndex(({ text }) => text !== '');
  const words = parts.slice(0, last + 1).map(({ text }) => (text === '' || text.includes(' ') ? `"${text}"` : text));
  return `${words.join(' ')}${argumentsCut === true ? ' …' : ''}`;
}

/** The path as the container sees it, safe to print. */
export function pathText(source: Parameters<typeof rawPath>[0]): string {
  const { place } = source;
  if (place.kind === 'process') return `process ${place.pid}: ${source.path.text}`;
  if (place.kind !== 'volume') return `/${source.path.text}`;
  return `${shortText(place.mountPath, 200).replace(/\/+$/, '')}/${source.path.text}`;
}

function contentWords({ change, artifact }: Subject): string {
  const content = artifact === undefined ? '' : artifact.content;
  const size = artifact?.size ?? change?.size;
  const before = change?.modeBefore === undefined || change.modeBefore === change.mode ? '' : `, was ${change.modeBefore}`;
  const mode = change?.mode === undefined ? '' : `mode ${change.mode}${before}`;
  const capabilities = change?.capabilities === undefined ? '' : `capabilities ${shortText(change.capabilities, 120)}`;
  return [content, size === undefined || change?.type !== 'file' ? '' : `${size} bytes`, mode, capabilities].filter((part) => part !== '').join(', ');
}

function targetWords({ change }: Subject): string {
  return change?.target === undefined ? '' : `points at ${cutText(change.target.text, maxPath)}`;
}

const answered = { detected: 'detected', suspicious: 'called suspicious by some', undetected: 'undetected' } as const;

/** What a source said of a hash, in words; never that it is safe. */
export function lookupWords(lookup: Lookup): string {
  const { source, status, reason } = lookup;
  const why = reason === undefined ? '' : `: ${safeText(reason, 100)}`;
  const isAnswer = status === 'detected' || status === 'suspicious' || status === 'undetected';
  const words = isAnswer
    ? `${answered[status]}${engineWords(lookup)}${status === 'undetected' ? '' : labelWords(lookup)}`
    : `${status.replace('-', ' ')}${why}`;
  return `${safeText(source, 40)}: ${words}`;
}

/** `(57 of 72 engines, among them A and B)`. */
function engineWords({ stats, engines = [] }: Lookup): string {
  if (stats === undefined) return '';
  const all = stats.malicious + stats.suspicious + stats.undetected + stats.harmless;
  const named = trustedFirst(engines)
    .slice(0, 3)
    .map((engine) => safeText(engine, 30));
  return ` (${stats.malicious} of ${all} engines${named.length === 0 ? '' : `, among them ${listOf(named)}`})`;
}

function labelWords({ label, firstSeen }: Lookup): string {
  const name = label === undefined ? '' : ` as ${safeText(label, 80)}`;
  return `${name}${firstSeen === undefined ? '' : `, first seen ${firstSeen.slice(0, 10)}`}`;
}
