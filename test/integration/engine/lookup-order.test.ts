import { expect, test } from 'vitest';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import type { WantedHash } from '../../../playbooks/domain/lookup.js';
import type { IntelPort } from '../../../playbooks/ports.js';
import { fakePorts } from './fake-ports.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

function wanted(kind: string, count: number): WantedHash[] {
  return Array.from({ length: count }, (_, at) => ({ sha256: sha256Hex(`${kind} ${at}`), rank: 0 }));
}

test('however many hands there are, no request goes to a batch while somebody urgent waits', async () => {
  const asked: string[] = [];
  const intel: IntelPort = {
    source: 'test',
    lookup(sha256) {
      asked.push(sha256);
      return Promise.resolve({ lookup: { sha256, source: 'test', status: 'undetected', askedAt: new Date().toISOString() } });
    },
  };
  const quotaLimits = { perMinute: 3, perDay: 1_000, perMonth: 1_000 };
  const desk = engine().desk;
  const batch = wanted('batch', 40);
  const urgent = wanted('urgent', 14);
  await desk.ask('slow.lookup', batch, 'batch');
  await desk.ask('urgent.lookup', urgent, 'interactive');
  await Promise.all([1, 2, 3, 4].map(() => engine().runner({ ports: { ...fakePorts, intel }, quotaLimits, quotaTimes: { windowMs: 400 } })));
  await expect.poll(() => asked.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(urgent.length + 6);
  expect(new Set(asked.slice(0, urgent.length))).toEqual(new Set(urgent.map(({ sha256 }) => sha256)));
});
