import { pathText } from '../judgement/evidence.js';
import type { Report } from './model.js';

/** The paths that bytes were acquired from, safe to print. */
export type Names = (sha256: string) => readonly string[];

/** Finds the paths of a hash among a report's artifacts. */
export function namesOf({ rows }: Report['artifacts']): Names {
  const names = new Map<string, string[]>();
  for (const { kind, sha256, source } of rows) {
    if (source === undefined || (kind !== 'file' && kind !== 'process-executable')) continue;
    const list = names.get(sha256);
    if (list === undefined) names.set(sha256, [pathText(source)]);
    else list.push(pathText(source));
  }
  return (sha256) => names.get(sha256) ?? [];
}
