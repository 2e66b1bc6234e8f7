import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { IntakeDesk } from '../../../api/intake/desk.js';
import { alertCounter } from '../../../api/metrics.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import type { Alert } from '../../../playbooks/domain/trigger.js';

it('counts each alert by its intake and by what has become of it, and knows no names of pods or rules', async () => {
  const registry = new Registry();
  const nobody = (): Promise<never> => Promise.reject(new Error('no rule fits: nobody is asked'));
  const desk = new IntakeDesk({
    rules: [],
    clusters: ['default'],
    triggers: { take: nobody },
    containers: { ask: nobody, podOf: nobody },
    log: pino({ level: 'silent' }),
    storeTimeoutMs: 1_000,
    counted: alertCounter(registry),
  });
  const alert = (intake: Alert['intake'], pod: string): Alert => ({
    intake,
    fingerprint: sha256Hex(pod),
    rule: 'Terminal shell in container',
    priority: 'notice',
    at: '2026-01-01T00:00:00.000Z',
    suspect: { target: { cluster: 'default', namespace: 'shop', pod } },
  });
  await desk.takeAll(
    { alerts: [alert('falco', 'a'), alert('falco', 'b'), alert('generic', 'c')], ignored: [] },
    { actor: 'intake:falco', reach: 'all' },
  );
  expect((await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
    'podtriage_alerts_total{intake="falco",outcome="ignored"} 2',
    'podtriage_alerts_total{intake="generic",outcome="ignored"} 1',
  ]);
});
