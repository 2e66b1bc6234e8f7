import { safeText } from '../domain/short-text.js';
import type { VerdictLevel } from '../domain/verdict.js';
import { countOf, listOf, sentenceCase } from './words.js';

/** What a headline is made of. Numbers are of distinct paths. */
export interface HeadlineFacts {
  readonly level: VerdictLevel;
  readonly malicious: number;
  /** What the sources call the malware. */
  readonly labels: readonly string[];
  readonly suspicious: number;
  readonly notices: number;
  /** Of the heaviest rule below malware that fired. */
  readonly phrase?: string;
  readonly doubts: readonly string[];
  readonly changes: number;
  readonly files: number;
  readonly processes: number;
  /** Writable mounts that no diff shows and that nobody looked into. */
  readonly blindSpots: readonly string[];
}

/** One sentence for a tired person. It never says that a pod is fine. */
export function headlineOf(facts: HeadlineFacts): string {
  const look = lookWords(facts);
  switch (facts.level) {
    case 'malicious':
      return `${[malwareWords(facts), look].filter((part) => part !== '').join('; ')}.`;
    case 'suspicious':
      return `${sentenceCase(look)}; no file was found to be known malware${doubtWords(facts, ', but ')}.`;
    case 'inconclusive':
      // Every container has its runtime's placeholders: no changed path at all means that there is no listing.
      if (facts.changes === 0 && facts.files === 0 && facts.processes === 0)
        return `Nothing of the pod could be looked at${doubtWords(facts, ': ')}.`;
      return `${look === '' ? 'Nothing that was looked for was found' : sentenceCase(look)}${doubtWords(facts, ', but ')}.`;
    case 'no-findings':
      return `Nothing that was looked for was found in ${listOf(lookedAt(facts))}${blindWords(facts)}.`;
  }
}

function lookedAt({ changes, files, processes }: HeadlineFacts): string[] {
  return [countOf(changes, 'changed path'), countOf(files, 'file'), ...(processes === 0 ? [] : [countOf(processes, 'process', 'processes')])];
}

function malwareWords({ malicious, labels }: HeadlineFacts): string {
  const shown = labels.slice(0, 3).map((label) => safeText(label, 60));
  const names = shown.length === 0 ? '' : ` (${shown.join(', ')}${labels.length > shown.length ? ' and others' : ''})`;
  return `${countOf(malicious, 'file is', 'files are')} known malware${names}`;
}

function lookWords({ suspicious, notices, phrase }: HeadlineFacts): string {
  const total = suspicious + notices;
  if (total === 0 || phrase === undefined) return '';
  return total === 1 ? `${phrase} needs a look` : `${phrase} and ${countOf(total - 1, 'more path')} need a look`;
}

function doubtWords({ doubts }: HeadlineFacts, join: string): string {
  if (doubts.length === 0) return '';
  const shown = doubts.slice(0, 2);
  return `${join}${listOf([...shown, ...(doubts.length > shown.length ? [`${doubts.length - shown.length} more doubts remain`] : [])])}`;
}

function blindWords({ blindSpots }: HeadlineFacts): string {
  if (blindSpots.length === 0) return '';
  const shown = blindSpots.slice(0, 3).map((mount) => safeText(mount, 60));
  const more = blindSpots.length > shown.length ? [`${blindSpots.length - shown.length} more`] : [];
  return `; nobody looked into the writable ${blindSpots.length === 1 ? 'mount' : 'mounts'} ${listOf([...shown, ...more])}`;
}
