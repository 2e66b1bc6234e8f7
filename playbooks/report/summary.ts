import type { Lookup } from '../domain/lookup.js';
import { withoutLookupGaps } from '../domain/lookup-notes.js';
import { countOf, listOf } from '../judgement/words.js';
import type { Report } from './model.js';

type Told = Omit<Report, 'summary'>;

/** Three sentences for a tired person: what happened, what to do now, what could not be had. */
export function summaryOf(report: Told): [string, string, string] {
  return [headlineOf(report), adviceOf(report), missingOf(report)];
}

/** A later version says first what it is, and what the verdict was when that has changed. */
function headlineOf({ version, amended, verdict }: Told): string {
  if (amended === undefined) return verdict.headline;
  const before = version === 2 ? 'the first report' : `version ${version - 1}`;
  const changed = amended.verdictBefore === verdict.level ? '' : `, which was ${amended.verdictBefore}`;
  const headline = verdict.headline.replace(/^[A-Z](?![A-Z])/, (letter) => letter.toLowerCase());
  return `Version ${version}: ${countOf(amended.answered, 'answer')} came after ${before}${changed}; ${headline}`;
}

function adviceOf({ verdict, lookAtFirst, run }: Told): string {
  const [first] = lookAtFirst;
  const pod = `pod ${run.target.namespace}/${run.target.pod}`;
  if (first === undefined)
    return verdict.level === 'no-findings' ? `Nothing here says what to look at next in ${pod}.` : `Look first at what could not be had of ${pod}.`;
  const where = `${first.where}${first.container === undefined ? '' : ` in container ${first.container}`}`;
  const act = verdict.level === 'malicious' ? `Treat ${pod} as compromised; look` : 'Look';
  return `${act} first at ${where}${nextWords(lookAtFirst.length - 1)}.`;
}

function nextWords(more: number): string {
  if (more === 0) return '';
  return `, then at the next ${more === 1 ? 'path' : countOf(more, 'path')} below`;
}

function missingOf({ completeness, gaps, limits, steps, blindSpots, lookups }: Told): string {
  const failed = steps.filter(({ status, reason }) => status !== 'succeeded' && reason !== 'not-applicable').map(({ name }) => name);
  const hashes = (status: Lookup['status']): number => new Set(lookups.filter((each) => each.status === status).map(({ sha256 }) => sha256)).size;
  const left = withoutLookupGaps(limits).length;
  const parts = [
    failed.length === 0 ? '' : `${failed.length === 1 ? 'step' : 'steps'} ${listOf(failed)} did not succeed`,
    phrase(withoutLookupGaps(gaps).length, 'thing could not be had', 'things could not be had'),
    phrase(hashes('error'), 'lookup failed', 'lookups failed'),
    phrase(hashes('pending'), 'hash has no answer yet', 'hashes have no answer yet'),
    phrase(hashes('not-asked'), 'hash was not asked about', 'hashes were not asked about'),
    phrase(left, 'thing was left out by policy', 'things were left out by policy'),
    blindSpots.length === 0 ? '' : `nobody looked into ${countOf(blindSpots.length, 'writable mount')}`,
  ].filter((part) => part !== '');
  if (parts.length === 0) return 'All that was asked for was had; what no source knows is unknown, not harmless.';
  const more = hashes('pending') === 0 ? '' : '; a new version of this report will come with the answers';
  return `The evidence is ${completeness === 'full' ? 'as complete as asked for, though' : 'partial:'} ${listOf(parts)}${more}.`;
}

function phrase(count: number, one: string, many: string): string {
  return count === 0 ? '' : countOf(count, one, many);
}
