import type { Lookup } from '../domain/lookup.js';
import { safeText } from '../domain/short-text.js';
import { listOf } from '../judgement/words.js';

const maxEngines = 5;

/** What a source answered, without source and status: engines with names, label, when it was first seen. Safe to print, never that it is safe. */
export function answerText({ stats, engines = [], label, name, reason, error, firstSeen, lastAnalysed }: Lookup): string {
  const shown = engines.slice(0, maxEngines).map((engine) => safeText(engine, 40));
  const named = engines.length > shown.length ? [...shown, `${engines.length - shown.length} more`] : shown;
  const parts = [
    stats === undefined
      ? ''
      : `${stats.malicious} of ${stats.malicious + stats.suspicious + stats.undetected + stats.harmless} engines call it malicious${stats.suspicious === 0 ? '' : `, ${stats.suspicious} suspicious`}`,
    named.length === 0 ? '' : `named by ${listOf(named)}`,
    label === undefined ? '' : `label ${safeText(label, 80)}`,
    name === undefined ? '' : `known as ${safeText(name, 80)}`,
    firstSeen === undefined ? '' : `first seen ${firstSeen.slice(0, 10)}`,
    lastAnalysed === undefined ? '' : `last analysed ${lastAnalysed.slice(0, 10)}`,
    reason === undefined ? '' : safeText(reason, 100),
    error === undefined ? '' : safeText(`${error.code}: ${error.message}`, 200),
  ];
  return parts.filter((part) => part !== '').join('; ');
}

/** The address of an answer for people, or undefined unless it is a plain one. */
export function answerLink({ link }: Pick<Lookup, 'link'>): string | undefined {
  return link !== undefined && /^https:\/\/[\w./-]+$/.test(link) ? link : undefined;
}
