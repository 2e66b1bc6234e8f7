import { describe, expect, it } from 'vitest';
import type { Run } from '../../../cli/api-types.js';
import { LineDisplay } from '../../../cli/ui/line-display.js';
import { waitText } from '../../../cli/ui/step-text.js';
import { clockText, untilText } from '../../../cli/ui/time-text.js';

const now = Date.parse('2026-01-02T12:05:00.000Z');
const later = (ms: number) => new Date(now + ms).toISOString();
const since = '2026-01-02T12:01:30.000Z';

function waiting(eta: string | undefined): Run {
  return {
    id: 'r1',
    state: 'running',
    request: { target: { cluster: 'default', namespace: 'shop', pod: 'web-0' } },
    playbook: { name: 'a-f-02', title: 'Title' },
    createdAt: since,
    waitingFor: { for: 'quota', since, ...(eta === undefined ? {} : { eta }) },
    milestones: {},
    steps: [],
  };
}

describe('a run that waits', () => {
  it('says for what, since when and for how long yet', () => {
    expect(waitText(waiting(later(14 * 60_000)), now)).toBe('waits for quota since 12:01 UTC, about 14 min left');
    expect(waitText(waiting(undefined), now)).toBe('waits for quota since 12:01 UTC');
    expect(waitText({ waitingFor: { for: 'node-slot', since: '2026-01-01T23:59:00.000Z' } }, now)).toBe(
      'waits for a free slot on the node since 2026-01-01 23:59 UTC',
    );
    expect(waitText({}, now)).toBeUndefined();
  });

  it('says it in a log once, and again only when the time has moved', () => {
    const written: string[] = [];
    const display = new LineDisplay(
      (text) => written.push(text),
      () => now,
    );
    for (const ms of [14 * 60_000, 14 * 60_000 + 30_000, 20 * 60_000]) display.show(waiting(later(ms)), new Map());
    expect(written).toEqual(['waits for quota since 12:01 UTC, about 14 min left\n', 'waits for quota since 12:01 UTC, about 20 min left\n']);
  });
});

describe('times for people', () => {
  it.each([
    [-1, 'a moment'],
    [1_000, 'about 1 s'],
    [59_000, 'about 59 s'],
    [90_000, 'about 2 min'],
    [119 * 60_000, 'about 119 min'],
    [5 * 3_600_000, 'about 5 h'],
    [72 * 3_600_000, 'about 3 days'],
  ])('%d ms from now are %s', (ms, words) => {
    expect(untilText(later(ms), now)).toBe(words);
  });

  it('have a day when it is not today', () => {
    expect([clockText(later(0), now), clockText(later(86_400_000), now)]).toEqual(['12:05 UTC', '2026-01-03 12:05 UTC']);
  });
});
