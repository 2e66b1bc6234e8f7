import { isOpen, withoutLookups } from '../judgement/doubts.js';
import { countOf, listOf } from '../judgement/words.js';
import type { Report } from './model.js';

type Told = Omit<Report, 'summary'>;

/** Three sentences for a tired person: what happened, what to do now, what could not be had. */
export function summaryOf(report: Told): [string, string, string] {
  return [report.verdict.headline, adviceOf(report), missingOf(report)];
}

function adviceOf({ verdict, lookAtFirst, run }: Told): string {
  const [first] = lookAtFirst;
  const pod = `pod ${run.target.namespace}/${run.target.pod}`;
  if (first === undefined)
    return verdict.level === 'no-findings' ? `Nothing here says what to look at next in ${pod}.` : `Look first at what could not be had of ${pod}.`;
  const where = `${first.where}${first.container === undefined ? '' : ` in container ${first.container}`}`;
  const act = verdict.level === 'malicious' ? `Treat ${pod} as compromised; look` : 'Look';
  return `${act} first at ${where}${lookAtFirst.length === 1 ? '' : `, then at the next ${countOf(lookAtFirst.length - 1, 'path')} below`}.`;
}

function missingOf({ completeness, gaps, limits, steps, blindSpots, lookups }: Told): string {
  const failed = steps.filter(({ status, reason }) => status !== 'succeeded' && reason !== 'not-applicable').map(({ name }) => name);
  const open = new Set(lookups.filter(isOpen).map(({ sha256 }) => sha256));
  const others = withoutLookups(gaps, open).length;
  const parts = [
    failed.length === 0 ? '' : `${failed.length === 1 ? 'step' : 'steps'} ${listOf(failed)} did not succeed`,
    others === 0 ? '' : countOf(others, 'thing could not be had', 'things could not be had'),
    open.size === 0 ? '' : countOf(open.size, 'hash has no answer yet', 'hashes have no answer yet'),
    limits.length === 0 ? '' : countOf(limits.length, 'thing was left out by policy', 'things were left out by policy'),
    blindSpots.length === 0 ? '' : `nobody looked into ${countOf(blindSpots.length, 'writable mount')}`,
  ].filter((part) => part !== '');
  if (parts.length === 0) return 'All that was asked for was had; what no source knows is unknown, not harmless.';
  return `The evidence is ${completeness === 'full' ? 'as complete as asked for' : 'partial'}: ${listOf(parts)}.`;
}
