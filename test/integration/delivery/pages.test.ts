import { expect, test } from 'vitest';
import { RedisDeliveryOffice } from '../../../store/delivery-office.js';
import { withEngine } from '../engine/with-engine.js';

const engine = withEngine();

test('the pages of deliveries say nothing of those that the caller does not reach', async () => {
  const { redis, keys, queues, texts } = engine();
  const outbox = { redis, keys, queues, clock: () => new Date() };
  const office = new RedisDeliveryOffice(outbox, texts, [{ name: 'soar', milestones: ['batch.finished'], reach: 'all' }]);
  for (const [at, namespace] of ['shop', 'bank', 'shop', 'bank', 'shop'].entries()) {
    const event = { id: `b${at}`, state: 'completed', cluster: 'default', counts: {}, links: { batch: `/api/v1/batches/b${at}` } } as const;
    await office.tellBatch({ notify: ['soar'], event, at: `2026-01-02T03:04:0${at}.000Z`, namespace });
  }
  const reach = [{ cluster: 'default', namespace: 'shop' }];
  const first = await office.list({ reach, limit: 1 });
  expect(first.deliveries.map(({ batch }) => batch)).toEqual(['b4']);
  expect(Buffer.from(first.next!, 'base64url').toString()).toBe(first.deliveries[0]!.id);
  const rest = await office.list({ reach, limit: 5, cursor: first.next! });
  expect(rest.deliveries.map(({ batch }) => batch)).toEqual(['b2', 'b0']);
  expect(rest.next).toBeUndefined();
});
