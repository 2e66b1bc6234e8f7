import type { Lookup } from '../../playbooks/domain/lookup.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import { answerLink, answerText } from '../../playbooks/report/lookup-text.js';
import type { LookupState } from '../api-types.js';
import { clockText, untilText } from './time-text.js';

const meanings: Partial<Record<Lookup['status'], string>> = {
  unknown: 'never seen by the source, which says nothing good about it',
  undetected: 'no engine calls it malicious, which is no proof that it is not',
};

/** What is known of one hash, for people; a few lines that are safe to print. `now` in milliseconds. */
export function answerLines(sha256: string, view: LookupState, now: number): string[] {
  if (view.state === 'waiting') return [`${sha256}: pending, ${etaText(view.eta, now)}`];
  const { lookup } = view;
  const said = answerText(lookup);
  const meaning = meanings[lookup.status];
  const link = answerLink(lookup);
  return [
    `${sha256}: ${lookup.status}`,
    `  ${displayText(lookup.source)}${said === '' ? '' : `: ${said}`}`,
    ...(meaning === undefined ? [] : [`  ${meaning}`]),
    `  asked at ${clockText(lookup.askedAt, now)}${lookup.cached ? ', from the cache' : ''}`,
    ...(link === undefined ? [] : [`  ${link}`]),
  ];
}

/** When an answer is to be expected. */
export function etaText(eta: string | undefined, now: number): string {
  return eta === undefined ? 'nobody can say when it is answered' : `${untilText(eta, now)} left`;
}
