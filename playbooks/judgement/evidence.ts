import type { ArtifactSource } from '../domain/artifact.js';
import type { Lookup } from '../domain/lookup.js';
import type { Process } from '../domain/process.js';
import { cutText, safeText, shortText } from '../domain/short-text.js';
import type { rawPath } from './subject.js';
import { type Subject, sourceOf } from './subject.js';

/** Most characters of one finding's evidence. */
const maxEvidence = 400;
const maxPath = 160;

/** One line of safe text: what was found where, and what is known of it. */
export function evidenceOf(subject: Subject): string {
  const parts = [
    changeWords(subject),
    contentWords(subject),
    argumentWords(subject),
    targetWords(subject),
    subject.lookup === undefined ? '' : lookupWords(subject.lookup),
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

/** What a source said of a hash, in words; never that it is safe. */
export function lookupWords({ source, status, stats, label, reason }: Lookup): string {
  const engines =
    stats === undefined ? '' : ` (${stats.malicious} of ${stats.malicious + stats.suspicious + stats.undetected + stats.harmless} engines)`;
  const name = label === undefined ? '' : ` as ${safeText(label, 80)}`;
  const why = reason === undefined ? '' : `: ${safeText(reason, 100)}`;
  const words = {
    detected: `detected${engines}${name}`,
    suspicious: `called suspicious by some${engines}${name}`,
    undetected: `undetected${engines}`,
  };
  const known = status === 'detected' || status === 'suspicious' || status === 'undetected' ? words[status] : `${status.replace('-', ' ')}${why}`;
  return `${safeText(source, 40)}: ${known}`;
}
