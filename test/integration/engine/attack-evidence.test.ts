import { beforeEach, expect, test } from 'vitest';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import type { Lookup } from '../../../playbooks/domain/lookup.js';
import { AttackStand } from './attack-stand.js';
import { stateOf } from './engine.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: AttackStand;
beforeEach(() => {
  stand = new AttackStand(engine());
});

test('an answer that somebody has put into the desk or into what the run has seen is asked anew', async () => {
  const { redis, keys, texts } = engine();
  const run = await stand.waitingRun('steady');
  const askedAt = new Date().toISOString();
  const clean = (sha256: string): Lookup => ({ sha256, source: 'test', status: 'undetected', askedAt, cached: false });
  const [a, b, c, d] = (['a', 'b', 'c', 'd'] as const).map((name) => sha256Hex(`${run}/${name}`)) as [string, string, string, string];
  await redis.set(keys.answer(a), JSON.stringify(clean(a)));
  await redis.set(keys.answer(b), texts.sign({ purpose: 'answer', about: a }, clean(b), 60));
  await redis.set(keys.answer(c), texts.sign({ purpose: 'answer', about: c }, clean(c), -3_600));
  await redis.hset(keys.seen(run), d, JSON.stringify(clean(d)));
  await (await stand.runner()).reconcile();
  await engine().ended(run);
  const lookups = await engine().reader.lookups(run);
  expect(new Set(lookups.map(({ status }) => status))).toEqual(new Set(['detected']));
  expect(stand.asked).toEqual(expect.arrayContaining([a, b, c, d]));
  expect(stand.alerts.map(({ what }) => what).sort()).toEqual([`answer ${a}`, `answer ${b}`, `answer ${c}`, `seen ${run} ${d}`].sort());
});

test('what a run asks about is not for others to choose', async () => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun('steady');
  await redis.hset(keys.asking(run), 'lookup', '[]');
  await (await stand.runner()).reconcile();
  await engine().ended(run);
  expect((await engine().reader.lookups(run)).filter(({ status }) => status === 'not-asked')).toEqual([]);
  expect(stand.alerts).toMatchObject([{ run, what: `asking ${run} lookup` }]);
});

test.each(['added', 'altered', 'taken away'])('a record of an artifact that was %s ends the run', async (how) => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun('steady');
  stand.onCommand = async (name) => {
    if (name !== 'acquire') return;
    const key = keys.artifacts(run);
    const [[id, text]] = Object.entries(await redis.hgetall(key)) as [[string, string]];
    if (how === 'added') await redis.hset(key, 'forged', text);
    if (how === 'altered') await redis.hset(key, id, text.replace('"known":false', '"known":true'));
    if (how === 'taken away') await redis.hdel(key, id);
  };
  await (await stand.runner()).reconcile();
  const view = await stand.refused(run);
  expect(stateOf(view, 'hash')).toBe('failed');
});

test.each(['answer', 'amendment'])('an %s of a sealed run that was altered is not rested on', async (which) => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun('steady');
  await (await stand.runner()).reconcile();
  await engine().ended(run);
  const [lookup] = await engine().reader.lookups(run);
  const sha256 = sha256Hex('a report');
  const report = { json: sha256, markdown: sha256, html: sha256, timeline: sha256 };
  const judged = { verdict: 'malicious', verdictBefore: 'inconclusive', completeness: 'full', lookups: sha256, report } as const;
  const amendment = { version: 2, at: new Date().toISOString(), answered: 1, pending: 0, ...judged };
  expect(await stand.log.amend(run, { amendment, lookups: [{ ...lookup!, status: 'known-bad' }] })).toBe('ok');
  expect((await stand.signed.lookups(run)).find((each) => each.sha256 === lookup!.sha256)?.status).toBe('known-bad');
  expect(await stand.signed.amendment(run)).toMatchObject({ verdict: 'malicious' });
  if (which === 'answer') await redis.hset(keys.lookups(run), lookup!.sha256, JSON.stringify(lookup));
  else await redis.hset(keys.amendments(run), '2', JSON.stringify({ ...amendment, verdict: 'no-findings' }));
  const rested = which === 'answer' ? stand.signed.lookups(run) : stand.signed.amendment(run);
  await expect(rested).rejects.toMatchObject({ code: 'custody-broken' });
});

test('hiding that a report was amended is noticed', async () => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun('steady');
  await (await stand.runner()).reconcile();
  await engine().ended(run);
  const sha256 = sha256Hex('a report');
  const report = { json: sha256, markdown: sha256, html: sha256, timeline: sha256 };
  const judged = { verdict: 'malicious', verdictBefore: 'inconclusive', completeness: 'full', lookups: sha256, report } as const;
  await stand.log.amend(run, { amendment: { version: 2, at: new Date().toISOString(), answered: 1, pending: 0, ...judged }, lookups: [] });
  await redis.del(keys.amendments(run));
  await redis.hdel(keys.run(run), 'reportVersion');
  await expect(stand.signed.amendment(run)).rejects.toMatchObject({ code: 'custody-broken' });
});
