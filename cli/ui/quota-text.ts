import { displayText } from '../../playbooks/domain/path-name.js';
import type { KeyQuota, Quota } from '../api-types.js';
import { table } from './table.js';
import { clockText, untilText } from './time-text.js';

const windows = ['minute', 'day', 'month'] as const;

const reasons: Readonly<Record<NonNullable<KeyQuota['why']>, string>> = {
  blocked: 'the source has refused a request',
  burst: 'the minute is used up',
  day: 'the day is used up',
  month: 'the month is used up',
  unauthorized: 'the source does not know the key',
};

/** The quota for people: each key with its windows, then what waits. `now` in milliseconds. */
export function quotaText(quota: Quota, now: number): string {
  const source = displayText(quota.source);
  const keys = quota.keys.map((key) => keyText(source, key, now));
  const none = `${source}: no worker with a key has been here, so nothing is asked\n`;
  return `${keys.length === 0 ? none : keys.join('\n')}\n${waitingText(quota, now)}\n`;
}

function keyText(source: string, { key, used, left, limits, waitMs, why, reportedAt }: KeyQuota, now: number): string {
  const rows = windows.map((window) => [`  ${window}`, String(used[window]), String(left[window]), String(limits[window])]);
  const next = why === 'unauthorized' ? reasons.unauthorized : nextText(waitMs, why, now);
  const reported = reportedAt === undefined ? '' : `; the source told its own numbers at ${clockText(reportedAt, now)}`;
  return `${source}, key ${displayText(key)}\n${table([['  ', 'USED', 'LEFT', 'LIMIT'], ...rows])}  ${next}${reported}\n`;
}

function nextText(waitMs: number, why: KeyQuota['why'], now: number): string {
  if (waitMs <= 0) return 'the next request can go now';
  return `the next request in ${untilText(new Date(now + waitMs).toISOString(), now)}${why === undefined ? '' : `: ${reasons[why]}`}`;
}

function waitingText({ waiting, eta }: Quota, now: number): string {
  const { interactive, webhook, batch } = waiting;
  const total = interactive + webhook + batch;
  if (total === 0) return 'no hash waits';
  const when = eta === undefined ? 'nobody can say when they are answered' : `all answered in ${untilText(eta, now)}, at ${clockText(eta, now)}`;
  return `${total} ${total === 1 ? 'hash waits' : 'hashes wait'}: ${interactive} interactive, ${webhook} webhook, ${batch} batch; ${when}`;
}
