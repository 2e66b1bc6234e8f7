import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import type { Artifact } from '../../../playbooks/domain/artifact.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { RedisEvidenceLife } from '../../../store/evidence-life.js';
import { keyRing } from '../../../store/public-keys.js';
import { RegisterWitness } from '../../../store/register-witness.js';
import { takeOver } from '../../../store/run-log.js';
import { LiveContents } from '../../../workers/runner/live-contents.js';
import { AttackStand } from './attack-stand.js';
import { closing } from './life-parts.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: AttackStand;
let live: LiveContents;
let now: number;

beforeEach(() => {
  now = 0;
  stand = new AttackStand(engine());
  live = fresh();
});

function fresh(): LiveContents {
  const { redis, keys, folder } = engine();
  const trusted = keyRing(folder);
  const register = new RegisterWitness({ redis, keys, trusted, alert: () => undefined });
  return new LiveContents({ redis, keys, trusted, register, clock: () => new Date(now) });
}

function advance(it = live): Promise<boolean> {
  return it.advance(Date.now() + 60_000);
}

function artifactOf(sha256: string, how: Partial<Artifact> = {}): Artifact {
  const made = { size: 1, content: 'binary', method: 'derived', acquiredAt: new Date().toISOString() } as const;
  return { id: sha256.slice(0, 32), kind: 'file', name: 'a', sha256, ...made, known: false, ...how };
}

async function recorded(run: string, artifacts: readonly Artifact[]): Promise<void> {
  await stand.log.recordArtifacts({ run, step: '', fence: '' }, artifacts);
}

async function seal(run: string): Promise<void> {
  await stand.log.finish({ run, step: 'report', fence: takeOver }, closing(), { fields: {}, final: 'completed' });
}

test('what runs have recorded is known, in whatever portions it comes, and nothing else', async () => {
  const digest = fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => sha256Hex(Buffer.from(bytes)));
  const portions = fc.array(fc.array(digest, { maxLength: 20 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(portions, fc.array(digest, { maxLength: 20 }), async (some, others) => {
      const run = await stand.waitingRun();
      for (const portion of some) {
        await recorded(
          run,
          portion.map((sha256) => artifactOf(sha256)),
        );
        expect(await advance()).toBe(true);
      }
      const its = new Set(some.flat());
      for (const sha256 of [...its, ...others]) expect(live.referring(sha256).includes(run)).toBe(its.has(sha256));
    }),
    { numRuns: 15 },
  );
});

test('a run relies on content that was known, and on an answer, and not on what was left on the node', async () => {
  const run = await stand.waitingRun();
  const [stored, known, left, answer] = ['stored', 'known', 'left', 'answer'].map((name) => sha256Hex(name)) as [string, string, string, string];
  await recorded(run, [artifactOf(stored), artifactOf(known, { known: true }), artifactOf(left, { left: true })]);
  const asked = { source: 'test', status: 'detected', askedAt: new Date().toISOString(), cached: false, answer } as const;
  await stand.log.recordLookups({ run, step: '', fence: '' }, [{ sha256: stored, ...asked }]);
  expect(await advance()).toBe(true);
  expect([stored, known, left, answer].map((sha256) => live.referring(sha256).length)).toEqual([1, 1, 0, 1]);
});

test('what cannot be read in time is read on later, and is not known before', async () => {
  const run = await stand.waitingRun();
  const all = Array.from({ length: 1_000 }, (_, at) => sha256Hex(`content ${at}`));
  await recorded(
    run,
    all.map((sha256) => artifactOf(sha256)),
  );
  expect(await live.advance(Date.now() - 1)).toBe(false);
  while (!(await live.advance(Date.now() + 1)));
  expect(all.filter((sha256) => live.referring(sha256).length !== 1)).toEqual([]);
});

test('a run whose evidence was destroyed refers to nothing any more', async () => {
  const { redis, keys, custody, reader } = engine();
  const run = await stand.waitingRun();
  await recorded(run, [artifactOf(sha256Hex('a'))]);
  await seal(run);
  expect(await advance()).toBe(true);
  expect(live.referring(sha256Hex('a'))).toEqual([run]);
  const evidence = { open: () => Promise.reject(new Error('there is no report')) };
  const life = new RedisEvidenceLife({ redis, keys, custody, reader, signed: stand.signed, evidence, alert: () => undefined });
  await life.destroy(run, 'key:admin', 'done');
  expect(await advance()).toBe(true);
  expect(live.referring(sha256Hex('a'))).toEqual([]);
  expect(await advance(fresh())).toBe(true);
});

test.each(['by who has seen it', 'by who has not'])('a sealed chain that was cut to before its seal is found out %s', async (who) => {
  const run = await stand.waitingRun();
  await recorded(run, [artifactOf(sha256Hex('a'))]);
  await seal(run);
  if (who === 'by who has seen it') expect(await advance()).toBe(true);
  await stand.cut(run, 1);
  await expect(advance()).rejects.toMatchObject({ code: 'custody-broken', message: expect.stringContaining(run) as string });
});

test('an entry of the register that another signed one has taken the place of is found out, though its signature holds', async () => {
  const { redis, keys } = engine();
  await stand.waitingRun();
  const [line] = await redis.lrange(keys.custody('register'), 0, 0);
  await redis.del(keys.custody('register'), keys.head('register'));
  const run = await stand.waitingRun();
  await seal(run);
  expect(await advance(fresh())).toBe(true);
  // Both were signed for this place.
  await redis.lset(keys.custody('register'), 0, line ?? '');
  await expect(advance(fresh())).rejects.toMatchObject({ code: 'custody-broken', message: expect.stringContaining('register') as string });
});

test('a content may go at once while no run is open, and else when it has been seen for an hour', async () => {
  const run = await stand.waitingRun();
  await advance();
  const minutes = (at: number): boolean => {
    now = at * 60_000;
    return live.isQuiet('a');
  };
  expect([minutes(0), minutes(59), minutes(60)]).toEqual([false, false, true]);
  live.settled('a');
  expect([minutes(61), minutes(120)]).toEqual([false, false]);
  await seal(run);
  await advance();
  expect(live.isQuiet('a')).toBe(true);
});
