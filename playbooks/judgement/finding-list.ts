import { byText } from '../domain/by-text.js';
import { pathBytes } from '../domain/path-name.js';
import type { Finding } from '../domain/verdict.js';

/** Kept of each rule; more are only counted. */
const keptPerRule = 200;
/** Taken of each rule before any rule gets more: junk that one rule finds must not push out what another found. */
const sharePerRule = 10;
const maxFindings = 200;
/** Of JSON, so that the fact with its frame stays below 64 KiB. */
const maxBytes = 48 * 1024;

/** Collects findings in bounded memory and picks those that a verdict shows. The outcome does not depend on the order of adding. */
export class FindingList {
  readonly #byRule = new Map<string, Finding[]>();
  #count = 0;

  add(finding: Finding): void {
    this.#count += 1;
    const list = this.#byRule.get(finding.rule) ?? [];
    this.#byRule.set(finding.rule, list);
    list.push(finding);
    if (list.length >= 2 * keptPerRule) list.sort(byWeight).splice(keptPerRule);
  }

  /** All findings, also those that are not shown. */
  get count(): number {
    return this.#count;
  }

  /** At most 200 findings and 48 KiB, by weight, then by path. */
  shown(): Finding[] {
    const lists = [...this.#byRule.values()].map((list) => list.sort(byWeight));
    const first = lists.flatMap((list) => list.slice(0, sharePerRule)).sort(byWeight);
    const rest = lists.flatMap((list) => list.slice(sharePerRule)).sort(byWeight);
    return take([...first, ...rest]).sort(byWeight);
  }
}

function take(findings: readonly Finding[]): Finding[] {
  const taken: Finding[] = [];
  let bytes = 0;
  for (const finding of findings) {
    const size = Buffer.byteLength(JSON.stringify(finding)) + 1;
    if (taken.length >= maxFindings || bytes + size > maxBytes) break;
    taken.push(finding);
    bytes += size;
  }
  return taken;
}

function byWeight(a: Finding, b: Finding): number {
  return b.weight - a.weight || comparePaths(a, b) || byText(orderOf(a), orderOf(b));
}

function comparePaths({ subject: a }: Finding, { subject: b }: Finding): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  return Buffer.compare(pathBytes(a.path), pathBytes(b.path));
}

function orderOf({ rule, subject, sha256 = '', evidence }: Finding): string {
  const place = subject === undefined ? '' : JSON.stringify([subject.containerId, subject.container, subject.place]);
  return [rule, place, sha256, evidence].join('\0');
}
