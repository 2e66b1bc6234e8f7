import { describe, expect, it } from 'vitest';
import type { Run } from '../../../cli/api-types.js';
import { LiveDisplay } from '../../../cli/ui/live-display.js';

const at = '2026-01-02T03:04:05.678Z';
const run: Run = {
  id: 'r1',
  state: 'running',
  request: { target: { cluster: 'default', namespace: 'shop', pod: 'web-0' } },
  playbook: { name: 'a-f-02', title: 'Title' },
  createdAt: at,
  waitingFor: { for: 'node-slot', since: at },
  milestones: { acquisitionFinished: at },
  steps: [
    { name: 'locate-node', state: 'succeeded', attempt: 1, startedAt: at, finishedAt: at },
    { name: 'diff-filesystem', state: 'failed', attempt: 3, startedAt: at, finishedAt: at, error: { code: 'internal', message: 'm'.repeat(300) } },
  ],
};

/** What a terminal would show: just line ends and "up and erase below", which is all that the display uses. */
function screen(written: readonly string[]): string[] {
  const lines: string[] = [];
  const up = /\x1b\[(\d+)A\x1b\[0J/g;
  for (const text of written) {
    for (const [, count] of text.matchAll(up)) lines.splice(lines.length - Number(count));
    const rest = text.replace(up, '').replace(/\x1b\[\d+m/g, '');
    if (rest !== '') lines.push(...rest.split('\n').slice(0, -1));
  }
  return lines;
}

describe('LiveDisplay', () => {
  it('redraws in place, keeps what is said above it, and fits the width', () => {
    const written: string[] = [];
    const display = new LiveDisplay(
      (text) => written.push(text),
      () => 60,
    );
    display.show(run, new Map([['locate-node', 'node worker-1']]));
    display.say('hello');
    display.show({ ...run, state: 'completed' }, new Map());
    display.close();
    const shown = screen(written);
    expect(shown[0]).toBe('hello');
    expect(shown).toHaveLength(4);
    expect(shown[1]).toMatch(/^ {2}✓ locate-node +succeeded, 0\.0 s$/);
    expect(shown[2]).toContain('attempt 3');
    expect(shown[3]).toContain('the pod may now be stopped');
    for (const line of shown) expect(line.length).toBeLessThanOrEqual(60);
  });

  it('draws nothing while somebody is asked something, and leaves what stands there', () => {
    const written: string[] = [];
    const display = new LiveDisplay(
      (text) => written.push(text),
      () => 60,
    );
    display.show(run, new Map());
    display.hold(true);
    const before = written.length;
    display.show(run, new Map());
    expect(written).toHaveLength(before);
    display.hold(false);
    display.close();
    expect(screen(written)).toHaveLength(8);
  });
});
