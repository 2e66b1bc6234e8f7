import { Registry } from 'prom-client';
import { expect, it, vi } from 'vitest';
import { registerServiceState } from '../../../api/metrics.js';
import type { ServiceState } from '../../../store/service-state.js';

const state: ServiceState = {
  runs: new Map([
    ['running', 2],
    ['other', 0],
  ]),
  queues: [{ name: 'node.default', jobs: { waiting: 3, active: 1, parked: 4 }, oldestSeconds: 7.5 }],
  deliveries: new Map([['dead', 5]]),
  quota: [
    {
      key: '0123456789ab',
      now: 0,
      limits: { minute: 4, day: 500, month: 15_500 },
      used: { minute: 1, day: 501, month: 600 },
      share: 0.2,
      windowMs: 66_000,
      recent: [],
      waitMs: 0,
    },
  ],
};

it('tells what Redis knows, each number under its labels', async () => {
  const registry = new Registry();
  registerServiceState(registry, () => Promise.resolve(state));
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  expect(lines).toEqual([
    'podtriage_store_up 1',
    'podtriage_runs{state="running"} 2',
    'podtriage_runs{state="other"} 0',
    'podtriage_queue_jobs{queue="node.default",state="waiting"} 3',
    'podtriage_queue_jobs{queue="node.default",state="active"} 1',
    'podtriage_queue_jobs{queue="node.default",state="parked"} 4',
    'podtriage_queue_oldest_job_age_seconds{queue="node.default"} 7.5',
    'podtriage_deliveries{state="dead"} 5',
    'podtriage_quota_limit_requests{key="0123456789ab",window="minute"} 4',
    'podtriage_quota_limit_requests{key="0123456789ab",window="day"} 500',
    'podtriage_quota_limit_requests{key="0123456789ab",window="month"} 15500',
    'podtriage_quota_remaining_requests{key="0123456789ab",window="minute"} 3',
    // The source may count what others have spent: less than nothing is nothing.
    'podtriage_quota_remaining_requests{key="0123456789ab",window="day"} 0',
    'podtriage_quota_remaining_requests{key="0123456789ab",window="month"} 14900',
  ]);
});

it('reads once for all who ask within five seconds, and gives no old number when it cannot read', async () => {
  vi.useFakeTimers();
  try {
    const registry = new Registry();
    const read = vi.fn<() => Promise<ServiceState>>().mockResolvedValue(state);
    registerServiceState(registry, read);
    await Promise.all([registry.metrics(), registry.metrics()]);
    await registry.metrics();
    expect(read).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(5_001);
    read.mockRejectedValue(new Error('gone'));
    const page = await registry.metrics();
    expect(read).toHaveBeenCalledTimes(2);
    expect(page.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual(['podtriage_store_up 0']);
  } finally {
    vi.useRealTimers();
  }
});
