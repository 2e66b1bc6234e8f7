import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Reach } from '../../../playbooks/domain/access.js';
import type { Origin } from '../../../playbooks/domain/origin.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import type { RunState } from '../../../playbooks/domain/run.js';
import type { VerdictLevel } from '../../../playbooks/domain/verdict.js';
import { newRunId } from '../../../store/run-id.js';
import type { RunFilter, RunQuery } from '../../../store/run-view.js';
import { withEngine } from '../engine/with-engine.js';

const engine = withEngine();

interface Row {
  readonly at: Date;
  /** When its id was made; default when it was opened. */
  readonly idAt?: Date;
  readonly cluster?: string;
  readonly namespace?: string;
  readonly pod?: string;
  readonly caseId?: string;
  readonly state?: RunState;
  readonly verdict?: VerdictLevel;
  readonly origin?: Origin;
}

/** Puts a run into Redis as `open` leaves it, at a time of the test's own. Returns its id. */
async function add({ at, idAt = at, cluster, namespace = 'shop', pod = 'web-0', caseId, state = 'queued', verdict, origin }: Row): Promise<string> {
  const id = newRunId(idAt);
  const request = runRequestSchema.parse({ target: { cluster, namespace, pod }, caseId });
  const playbook = { name: 'p', title: 'P', sha256: '0'.repeat(64), steps: [{ name: 's', queue: 'node', attempts: 1 }] };
  await engine().redis.hset(engine().keys.run(id), {
    state,
    request: JSON.stringify(request),
    playbook: JSON.stringify(playbook),
    requestedBy: 'key:test',
    createdAt: at.toISOString(),
    ...(verdict === undefined ? {} : { verdict }),
    ...(origin === undefined ? {} : { origin: JSON.stringify(origin) }),
  });
  await engine().redis.zadd(engine().keys.all, 0, id);
  return id;
}

async function page(query: RunQuery): Promise<{ ids: string[]; next?: string }> {
  const { runs, ...rest } = await engine().reader.list(query);
  return { ids: runs.map(({ id }) => id), ...rest };
}

/** All pages of a list, one after the other. */
async function all(filter: Partial<RunFilter>, limit = 50): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const found = await page({ reach: 'all', limit, ...filter, ...(cursor === undefined ? {} : { cursor }) });
    ids.push(...found.ids);
    cursor = found.next;
    if (cursor === undefined) return ids;
  }
}

const noon = Date.parse('2026-01-02T12:00:00Z');
const minute = (count: number): Date => new Date(noon + count * 60_000);

describe('a list of runs', () => {
  test('shows each run that was there at the start exactly once, however pages and new runs take turns', async () => {
    const moves = fc.array(fc.oneof(fc.constant('page'), fc.integer({ min: -120, max: 240 })), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 120 }), { maxLength: 15 }),
        fc.integer({ min: 1, max: 4 }),
        moves,
        async (times, limit, turns) => {
          await engine().redis.flushall();
          const start = await Promise.all(times.map((each) => add({ at: minute(each) })));
          const seen: string[] = [];
          let next: string | undefined;
          const turn = async (): Promise<void> => {
            const found = await page({ reach: 'all', limit, ...(next === undefined ? {} : { cursor: next }) });
            seen.push(...found.ids);
            next = found.next;
          };
          await turn();
          for (const move of turns) {
            if (typeof move === 'number') await add({ at: minute(move) });
            else if (next !== undefined) await turn();
          }
          while (next !== undefined) await turn();
          expect(new Set(seen).size).toBe(seen.length);
          expect(start.filter((id) => !seen.includes(id))).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('has only what fits every filter', async () => {
    const base = { cluster: 'east', namespace: 'shop', pod: 'web-0', caseId: 'C-1', state: 'completed', verdict: 'malicious' } as const;
    const wanted = await add({ at: minute(0), ...base, origin: { batch: 'b1' } });
    const others: Row[] = [
      { at: minute(1), ...base, cluster: 'west' },
      { at: minute(2), ...base, namespace: 'shop-2' },
      { at: minute(3), ...base, pod: 'web-01' },
      { at: minute(4), ...base, caseId: 'c-1' },
      { at: minute(5), ...base, state: 'failed' },
      { at: minute(6), ...base, verdict: 'suspicious' },
      { at: minute(7), ...base, origin: { batch: 'b2' } },
    ];
    for (const other of others) await add(other);
    expect(await all(base)).toHaveLength(2);
    expect(await all({ ...base, batch: 'b1' })).toEqual([wanted]);
    expect(await all({ verdict: 'suspicious' })).toHaveLength(1);
    expect(await all({ namespace: 'shop' })).toHaveLength(7);
    expect(await all({ state: 'queued' })).toEqual([]);
    expect(await all({})).toHaveLength(8);
  });

  test('goes by the time at which a run was opened, also where its id was made before', async () => {
    const ids: string[] = [];
    for (let at = 0; at < 10; at += 1) ids.unshift(await add({ at: minute(at) }));
    const late = await add({ at: minute(5), idAt: new Date(noon - 20 * 3_600_000) });
    expect(await all({ from: minute(4), to: minute(6) }, 2)).toEqual([...ids.slice(3, 6), late]);
    expect(await all({ from: minute(9) })).toEqual([ids[0]]);
    expect(await all({ to: minute(0) })).toEqual([ids[9]]);
    expect(await all({ from: minute(60) })).toEqual([]);
    expect(await all({ from: minute(7), to: minute(3) })).toEqual([]);
  });

  test('has nothing that the caller does not reach, and its pages say nothing of it', async () => {
    const reach: Reach = [
      { cluster: 'default', namespace: 'shop' },
      { cluster: 'east', namespace: '*' },
    ];
    const mine = [await add({ at: minute(1) }), await add({ at: minute(2), cluster: 'east', namespace: 'any' })];
    for (let at = 3; at < 20; at += 1) await add({ at: minute(at), namespace: 'foreign' });
    await add({ at: minute(30), cluster: 'west', namespace: 'shop' });
    expect(await page({ reach, limit: 2 })).toEqual({ ids: [...mine].reverse() });
    const first = await page({ reach, limit: 1 });
    expect(Buffer.from(first.next ?? '', 'base64url').toString()).toBe(mine[1]);
    expect(await page({ reach, limit: 1, cursor: first.next! })).toEqual({ ids: [mine[0]] });
    expect(await all({ reach, namespace: 'foreign' })).toEqual([]);
  });

  test('looks at so many runs only for one answer, and goes on after them', async () => {
    const last = await add({ at: minute(0), namespace: 'rare' });
    await Promise.all(Array.from({ length: 1_100 }, (_, at) => add({ at: new Date(noon + 60_000 + at) })));
    const first = await page({ reach: 'all', limit: 10, namespace: 'rare' });
    expect(first).toEqual({ ids: [], next: expect.any(String) as string });
    expect(await page({ reach: 'all', limit: 10, namespace: 'rare', cursor: first.next! })).toEqual({ ids: [last] });
  });

  test.each(['', 'nonsense', Buffer.from('(r1').toString('base64url'), Buffer.from('r1\n').toString('base64url')])(
    'refuses %j as a cursor',
    async (cursor) => {
      await expect(page({ reach: 'all', limit: 1, cursor })).rejects.toMatchObject({ code: 'invalid-request' });
    },
  );
});
