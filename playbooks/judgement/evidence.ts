import type { Lookup } from '../domain/lookup.js';
import { cutText, safeText, shortText } from '../domain/short-text.js';
import type { rawPath } from './subject.js';
import { type Subject, sourceOf } from './subject.js';

/** Most characters of one finding's evidence. */
const maxEvidence = 400;
const maxPath = 160;

/** One line of safe text: what was found where, and what is known of it. */
export function evidenceOf(subject: Subject): string {
  const parts = [changeWords(subject), contentWords(subject), targetWords(subject), subject.lookup === undefined ? '' : lookupWords(subject.lookup)];
  return cutText(parts.filter((part) => part !== '').join('; '), maxEvidence);
}

function changeWords({ change, artifact }: Subject): string {
  const source = sourceOf({ ...(change === undefined ? {} : { change }), ...(artifact === undefined ? {} : { artifact }) });
  if (source === undefined) return artifact === undefined ? 'bytes without a path' : `bytes with sha256 ${artifact.sha256}`;
  const what = change === undefined ? 'file' : `${change.kind} ${change.type === 'unknown' ? 'path' : change.type}`;
  return `${what} ${cutText(pathText(source), maxPath)} in container ${shortText(source.container, 63)}`;
}

/** The path as the container sees it, safe to print. */
export function pathText(source: Parameters<typeof rawPath>[0]): string {
  const { place } = source;
  if (place.kind !== 'volume') return `/${source.path.text}`;
  return `${shortText(place.mountPath, 200).replace(/\/+$/, '')}/${source.path.text}`;
}

function contentWords({ change, artifact }: Subject): string {
  const content = artifact === undefined ? '' : artifact.content;
  const size = artifact?.size ?? change?.size;
  const before = change?.modeBefore === undefined || change.modeBefore === change.mode ? '' : `, was ${change.modeBefore}`;
  const mode = change?.mode === undefined ? '' : `mode ${change.mode}${before}`;
  return [content, size === undefined || change?.type !== 'file' ? '' : `${size} bytes`, mode].filter((part) => part !== '').join(', ');
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
