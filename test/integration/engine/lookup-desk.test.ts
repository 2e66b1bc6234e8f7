import { expect, test } from 'vitest';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import type { WantedHash } from '../../../playbooks/domain/lookup.js';
import type { IntelPort } from '../../../playbooks/ports.js';
import type { LookupDesk } from '../../../store/lookup-desk.js';
import { QuotaKeys } from '../../../store/quota-keys.js';
import type { RedisLookupOffice } from '../../../store/redis-lookup-office.js';
import { fakePorts } from './fake-ports.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const some = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => sha256Hex(`hash ${from + at}`));

function wanted(hashes: readonly string[], rank: WantedHash['rank'] = 0): WantedHash[] {
  return hashes.map((sha256) => ({ sha256, rank }));
}

function desk(): LookupDesk {
  return engine().desk;
}

function office(): RedisLookupOffice {
  return engine().office;
}

/** Hashes that wait for a request, in the order in which they will be asked about. */
async function queue(): Promise<string[]> {
  const ids = await engine().redis.zrange(engine().queues.get('lookups').toKey('prioritized'), '0', '-1');
  return ids.map((id) => id.slice('vt.'.length));
}

/** A source that answers when it is told to. */
function source(hold?: Promise<void>): { intel: IntelPort; asked: string[] } {
  const asked: string[] = [];
  const intel: IntelPort = {
    source: 'test',
    async lookup(sha256) {
      asked.push(sha256);
      await hold;
      return { lookup: { sha256, source: 'test', status: 'undetected', askedAt: new Date().toISOString() } };
    },
  };
  return { intel, asked };
}

test('who is urgent comes first, and then what can be run', async () => {
  const [conf, tool, script, late, hook] = some(5);
  await desk().ask(
    'batch.lookup',
    [
      { sha256: conf!, rank: 2 },
      { sha256: tool!, rank: 0 },
      { sha256: script!, rank: 1 },
    ],
    'batch',
  );
  await desk().ask('hook.lookup', wanted([hook!], 3), 'webhook');
  await desk().ask('urgent.lookup', wanted([late!], 3), 'interactive');
  expect(await queue()).toEqual([late, hook, tool, script, conf]);
});

test('a lookup that waits is lifted for whoever is more urgent, and never put back', async () => {
  const [one, two, three] = some(3);
  await desk().ask('slow.lookup', wanted([one!, two!, three!], 3), 'batch');
  await desk().ask('better.lookup', wanted([three!], 1), 'batch');
  await desk().ask('hook.lookup', wanted([two!], 2), 'webhook');
  expect(await queue()).toEqual([two, three, one]);
  await desk().ask('urgent.lookup', wanted([one!]), 'interactive');
  await desk().ask('slow.lookup', wanted([one!, two!, three!], 3), 'batch');
  expect(await queue()).toEqual([one, two, three]);
  expect([...(await desk().outstanding('urgent.lookup'))]).toEqual([one]);
});

test('what has no share of the day left sleeps long, and is woken when somebody urgent asks for it', async () => {
  const { intel, asked } = source();
  await engine().runner({ ports: { ...fakePorts, intel }, quotaLimits: { perMinute: 1_000, perDay: 10, perMonth: 1_000, interactiveShare: 0.2 } });
  const hashes = some(40);
  await desk().ask('slow.lookup', wanted(hashes), 'batch');
  const lookups = engine().queues.get('lookups');
  await expect.poll(() => lookups.getDelayedCount(), { timeout: 20_000 }).toBe(32);
  expect(asked).toHaveLength(8);
  const delays = (await lookups.getDelayed()).map(({ delay }) => delay);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(60_000);
  expect(Math.max(...delays)).toBeLessThanOrEqual(750_000);
  expect((await office().quota()).waiting).toEqual({ interactive: 0, webhook: 0, batch: 32 });
  const sleeping = hashes.filter((sha256) => !asked.includes(sha256));
  await desk().ask('urgent.lookup', wanted(sleeping.slice(0, 1)), 'interactive');
  await expect.poll(() => asked.slice(8), { timeout: 20_000 }).toEqual(sleeping.slice(0, 1));
  expect(await lookups.getDelayedCount()).toBe(31);
});

test('leaving takes away what nobody else waits for, and nothing that is in flight', async () => {
  let open = (): void => undefined;
  const { intel, asked } = source(
    new Promise<void>((resolve) => {
      open = resolve;
    }),
  );
  const quotaLimits = { perMinute: 1, perDay: 100, perMonth: 100 };
  const [flying, shared, watched, office1, mine, also] = some(6);
  await desk().ask('leaver.lookup', wanted([flying!]), 'interactive');
  await engine().runner({ ports: { ...fakePorts, intel }, quotaLimits });
  await expect.poll(() => asked, { timeout: 20_000 }).toEqual([flying]);
  await desk().ask('leaver.lookup', wanted([shared!, watched!, office1!, mine!, also!]), 'batch');
  await desk().ask('stays.lookup', wanted([shared!]), 'batch');
  await engine().redis.sadd(engine().keys.watchers(watched!), 'a-sealed-run');
  await office().ask(office1!);
  await desk().leave('leaver.lookup');
  await desk().leave('leaver.lookup');
  await expect.poll(async () => (await queue()).sort(), { timeout: 20_000 }).toEqual([shared, watched, office1].sort());
  expect(await desk().outstanding('leaver.lookup')).toEqual([]);
  open();
  await expect.poll(async () => (await desk().answers([flying!])).size, { timeout: 20_000 }).toBe(1);
});

test('who waits is remembered for longer than a month', async () => {
  await desk().ask('slow.lookup', wanted(some(1)), 'batch');
  const { redis, keys } = engine();
  for (const key of [keys.askers(some(1)[0]!), keys.outstanding('slow.lookup')]) expect(await redis.ttl(key)).toBeGreaterThan(32 * 86_400);
});

test('the end of a wait is foretold from the queue and the ledger', async () => {
  const { redis, keys } = engine();
  const limits = { perMinute: 4, perDay: 500, perMonth: 1_000, interactiveShare: 0.2 };
  const quota = new QuotaKeys(redis, keys, [{ id: 'k1', limits: {} }], limits);
  const hashes = some(9);
  await desk().ask('slow.lookup', wanted(hashes), 'batch');
  expect(await desk().eta(hashes)).toBeUndefined();
  await quota.announce('test');
  const seconds = async (asked: readonly string[]): Promise<number> => {
    const now = Date.now();
    return (Date.parse((await desk().eta(asked)) ?? '') - now) / 1_000;
  };
  expect(Math.round((await seconds(hashes)) / 66)).toBe(2);
  expect(Math.round((await seconds(hashes.slice(0, 5))) / 66)).toBe(1);
  // Four more before them: one window more for those who waited already.
  await desk().ask('urgent.lookup', wanted(some(4, 100)), 'interactive');
  expect(Math.round((await seconds(hashes)) / 66)).toBe(3);
  expect(Math.round((await seconds(some(4, 100))) / 66)).toBe(0);
  expect(await desk().eta(some(1, 500))).toBeUndefined();
  const { eta, waiting, keys: shown } = await office().quota();
  expect(waiting).toEqual({ interactive: 4, webhook: 0, batch: 9 });
  expect(Math.abs(Date.parse(eta ?? '') - Date.parse((await desk().eta(hashes)) ?? ''))).toBeLessThan(5_000);
  expect(shown).toMatchObject([{ key: 'k1', limits: { minute: 4, day: 500, month: 1_000 }, left: { minute: 4, day: 500, month: 1_000 }, waitMs: 0 }]);
});

test('the office shows an answer, a wait, or nothing; and asks as urgently as a person', async () => {
  const [known, open] = some(2);
  await desk().keep({ sha256: known!, source: 'test', status: 'unknown', askedAt: new Date().toISOString(), cached: false });
  expect(await office().lookup(known!)).toMatchObject({ state: 'answered', lookup: { status: 'unknown' } });
  expect(await office().lookup(open!)).toEqual({ state: 'absent' });
  await Promise.all([office().ask(known!), office().ask(open!)]);
  expect(await office().lookup(open!)).toEqual({ state: 'waiting' });
  expect(await queue()).toEqual([open]);
  expect((await office().quota()).waiting).toEqual({ interactive: 1, webhook: 0, batch: 0 });
  const { intel, asked } = source();
  await engine().runner({ ports: { ...fakePorts, intel } });
  await expect.poll(async () => (await office().lookup(open!)).state, { timeout: 20_000 }).toBe('answered');
  expect(asked).toEqual([open]);
});
