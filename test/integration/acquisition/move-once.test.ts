import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EvidencePort } from '../../../playbooks/ports.js';
import { Moves, type MoveTimes } from '../../../store/moves.js';
import { AcquireStand, sha256, type Taken } from '../../support/acquire-stand.js';
import { withEngine } from '../engine/with-engine.js';

const engine = withEngine();
let stand: AcquireStand;
beforeEach(async () => {
  stand = await AcquireStand.open('');
});
afterEach(() => stand.close());

/** The claims of one worker. */
const moves = (times?: MoveTimes): Moves => new Moves(engine().redis, engine().keys, times);
const hashes = Array.from({ length: 5 }, (_, at) => sha256(`content ${at}`));

/** The stand's store as runs see it that begin at the same moment: each asks before anything has come. Counts what is put. */
function together(runs: number): { evidence: EvidencePort; put: string[] } {
  const put: string[] = [];
  let asked = 0;
  let open: () => void = () => undefined;
  const all = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { store } = stand;
  const evidence: EvidencePort = {
    has: async (hash) => {
      const has = await store.has(hash);
      asked += 1;
      if (asked >= runs) open();
      await all;
      return has;
    },
    open: (hash) => store.open(hash),
    put: (...from) => store.put(...from),
    stage: async (...from) => {
      const staged = await store.stage(...from);
      put.push(staged.sha256);
      return staged;
    },
  };
  return { evidence, put };
}

test('of many who want a content at once one moves it, and the others wait until it is done', async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => moves().begin(hashes)));
  const mine = all.flatMap((each) => [...each.mine]);
  expect(mine.sort()).toEqual([...hashes].sort());
  const waiting = all.map((each) => each.others(new AbortController().signal));
  let done = false;
  const rest = Promise.all(waiting).then(() => {
    done = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(done).toBe(false);
  await Promise.all(all.map((each) => each.done()));
  await rest;
  expect([...(await moves().begin(hashes)).mine]).toEqual(hashes);
});

test('a claim lasts as long as its owner lives, and not much longer', async () => {
  const times = { claimMs: 300, waitMs: 60_000, pollMs: 20 };
  const owner = await moves(times).begin(hashes);
  await new Promise((resolve) => setTimeout(resolve, 900));
  expect((await moves(times).begin(hashes)).mine.size).toBe(0);
  await owner.done();
  // Of one who has died.
  await engine().redis.set(engine().keys.moving(hashes[0]!), 'dead', 'PX', 300);
  const next = await moves(times).begin(hashes.slice(0, 1));
  expect(next.mine.size).toBe(0);
  await next.others(new AbortController().signal);
  expect((await moves(times).begin(hashes.slice(0, 1))).mine.size).toBe(1);
});

test('a wait ends with its signal, and with its time whatever Redis says', async () => {
  for (const sha of hashes) await engine().redis.set(engine().keys.moving(sha), 'somebody who lies');
  const claim = await moves({ claimMs: 20_000, waitMs: 200, pollMs: 20 }).begin(hashes);
  await claim.others(new AbortController().signal);
  const stop = new AbortController();
  const wait = (await moves().begin(hashes)).others(stop.signal);
  stop.abort(new Error('cut off'));
  await expect(wait).rejects.toThrow('cut off');
});

test('pods that are alike and are taken at the same moment have each content moved once, and each has all of its files', async () => {
  stand.mounted.inContainer(`mkdir -p opt; for i in 1 2 3 4 5 6 7 8; do echo "payload $i" > opt/file-$i; chmod 755 opt/file-$i; done`);
  const changes = await stand.changes();
  const { evidence, put } = together(4);
  const takes = Array.from({ length: 4 }, (): Promise<Taken> => stand.take(changes, { mode: 'all', evidence, moves: moves() }));
  for (const { by, gaps } of await Promise.all(takes)) {
    expect(gaps).toEqual([]);
    expect(by.size).toBe(8);
    for (const artifact of by.values()) expect(await stand.store.has(artifact.sha256)).toBe(true);
  }
  expect(put.filter((hash) => put.indexOf(hash) !== put.lastIndexOf(hash))).toEqual([]);
  expect(put).toHaveLength(8);
});

test('who claims contents in Redis and never brings them makes nobody go without', async () => {
  stand.mounted.inContainer('echo payload > run; chmod 755 run');
  await engine().redis.set(engine().keys.moving(sha256('payload\n')), 'somebody who lies');
  const lying = moves({ claimMs: 20_000, waitMs: 100, pollMs: 20 });
  const { by, gaps } = await stand.take(await stand.changes(), { mode: 'all', moves: lying });
  expect(gaps).toEqual([]);
  expect(by.get('run')).toMatchObject({ sha256: sha256('payload\n'), known: false });
});
