import { beforeEach, expect, test } from 'vitest';
import { CustodyWriter } from '../../../store/custody.js';
import { AttackStand, runOf, strangersKey } from './attack-stand.js';
import { stateOf } from './engine.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let stand: AttackStand;
beforeEach(() => {
  stand = new AttackStand(engine());
});

const evil = { target: { cluster: 'default', namespace: 'shop', pod: 'web-0', uid: 'u' }, node: { name: 'evil', address: '203.0.113.9' } };

test('a run that somebody has written into Redis is closed as failed, and nothing is done for it', async () => {
  const { redis, keys } = engine();
  const real = await stand.waitingRun();
  const run = `${real}x`;
  await redis.hset(keys.run(run), await redis.hgetall(keys.run(real)));
  await redis.zadd(keys.open, 0, run);
  await redis.del(keys.run(real), keys.custody(real));
  await redis.zrem(keys.open, real);
  await (await stand.runner()).reconcile();
  await stand.refused(run);
  expect(stand.commands).toEqual([]);
});

test.each([
  ['by a key that nobody has enrolled', () => strangersKey()],
  ['by the key of a worker', () => engine().workerSigner],
])('a request that is signed %s is not acted upon', async (_name, signer) => {
  await stand.runner();
  const run = await stand.commander(signer()).open(runOf('brief'), 'test');
  await stand.refused(run);
  expect(stand.commands).toEqual([]);
});

test('a request that was altered is not acted upon', async () => {
  const { redis, keys, reader } = engine();
  const run = await stand.waitingRun();
  const [entry = ''] = await reader.custody(run, 0, 1);
  await redis.lset(keys.custody(run), 0, entry.replace('"pod":"web-0"', '"pod":"vault"'));
  await (await stand.runner()).reconcile();
  await stand.refused(run);
  expect(stand.commands).toEqual([]);
});

test('jobs that podtriage has not added are not done, and are reported', async () => {
  const { queues, redis, keys } = engine();
  const run = await stand.waitingRun();
  // Its own flow would else be added beside them.
  await redis.zrem(keys.open, run);
  const add = async (queue: string, jobId: string, data: object): Promise<void> => {
    await queues.get(queue).add('step', data, { jobId });
  };
  await stand.runner();
  await add('node.default', 'rnone.diff', { run: 'rnone', step: 'diff' });
  await add('node.default', `${run}.rm`, { run, step: 'rm' });
  await add('evidence', `${run}.diff`, { run, step: 'diff' });
  await add('node.default', 'other', { run, step: 'diff' });
  await add('node.default', 'nonsense', { run: 7 });
  await expect.poll(() => stand.alerts.filter(({ what }) => what === 'a job').length).toBe(5);
  expect(stand.commands).toEqual([]);
  expect(await engine().entries(run)).toHaveLength(1);
});

test('a flow that was forged for a step out of turn commands nothing', async () => {
  const run = await stand.waitingRun();
  await stand.runner();
  await engine()
    .queues.get('node.default')
    .add('diff', { run, step: 'diff' }, { jobId: `${run}.diff` });
  const view = await engine().until(run, (each) => stateOf(each, 'diff') === 'skipped');
  expect(view.steps.find(({ name }) => name === 'diff')).toMatchObject({ reason: 'needs-missing' });
  expect(stand.commands).toEqual([]);
});

test.each(['none', 'the request'])('a fact that somebody has written down, with %s as its entry, sends nobody to a node', async (entry) => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun();
  const at = new Date().toISOString();
  const record = { status: 'succeeded', attempt: 1, startedAt: at, finishedAt: at, facts: evil, gaps: [], limits: [] };
  await redis.hset(keys.steps(run), 'locate', JSON.stringify(record));
  if (entry !== 'none') await redis.hset(keys.finished(run), 'locate', 0);
  await (await stand.runner()).reconcile();
  await stand.refused(run);
  expect(stand.commands).toEqual([]);
});

test.each(['altered', 'taken away', 'signed by the API'])('a step record that was %s ends the run', async (how) => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun();
  if (how === 'signed by the API') {
    const api = new AttackStand(engine());
    Object.defineProperty(api, 'log', { value: new (stand.log.constructor as new (...args: unknown[]) => unknown)(redis, keys, engine().custody) });
    await api.did(run, 'locate', evil);
  } else await stand.did(run, 'locate', { ...evil, node: { name: 'node-a', address: '10.0.0.1' } });
  const text = (await redis.hget(keys.steps(run), 'locate')) ?? '';
  if (how === 'altered') await redis.hset(keys.steps(run), 'locate', text.replace('10.0.0.1', '10.0.0.2'));
  if (how === 'taken away') await redis.hdel(keys.steps(run), 'locate');
  await (await stand.runner()).reconcile();
  await stand.refused(run);
  expect(stand.commands).toEqual([]);
});

test('a fence that was changed loses no step: what the newest attempt came to is recorded, and why it could not go on', async () => {
  const { redis, keys } = engine();
  stand.onCommand = async (name) => {
    await redis.hset(keys.fences(run), name, '0');
  };
  const run = await stand.waitingRun('steady');
  await (await stand.runner()).reconcile();
  const view = await engine().ended(run);
  expect(stateOf(view, 'list')).toBe('succeeded');
  // This one had something to record before it was done.
  expect(view.steps.find(({ name }) => name === 'diff')).toMatchObject({ state: 'failed', error: { code: 'custody-broken' } });
  expect(stand.alerts).toMatchObject([
    { run, step: 'list', what: 'a fence' },
    { run, step: 'diff', what: 'a fence' },
  ]);
});

test('a count of beginnings that custody does not have does not give a step up', async () => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun();
  await redis.hset(keys.begins(run), 'locate', '99');
  await (await stand.runner()).reconcile();
  expect(await engine().ended(run)).toMatchObject({ state: 'completed' });
  expect(stand.alerts).toMatchObject([{ run, what: 'how often a step has begun' }]);
});

test('a step of a run that is not there any more asks nobody, and its job is reported', async () => {
  const { redis, keys, queues } = engine();
  await queues.get('intel').pause();
  await stand.runner();
  const run = await engine().open('storm');
  await engine().until(run, (view) => stateOf(view, 'hash') === 'succeeded');
  await redis.del(keys.run(run));
  await redis.zrem(keys.open, run);
  await queues.get('intel').resume();
  const refused = { run, what: 'a job', msg: expect.stringContaining('names a run that is not there') as string };
  // Its job is done with, and so are those that wait for it.
  await expect.poll(() => stand.alerts).toMatchObject([refused, refused, refused]);
  expect(stand.asked).toEqual([]);
});

test.each(['appended', 'altered', 'taken out'])('a custody entry that was %s ends the run before the next command', async (how) => {
  const { redis, keys, reader } = engine();
  const run = await stand.waitingRun('steady');
  stand.onCommand = async (name) => {
    if (name !== 'list') return;
    if (how === 'appended') {
      const strange = new CustodyWriter(redis, keys, strangersKey(), 'test');
      await strange.append(run, [{ act: 'evidence.read', subject: run, detail: { what: 'report' } }]);
    }
    const [line = ''] = await reader.custody(run, 1, 1);
    if (how === 'altered') await redis.lset(keys.custody(run), 1, line.replace('"attempt":1', '"attempt":2'));
    if (how === 'taken out') await redis.lrem(keys.custody(run), 1, line);
  };
  await (await stand.runner()).reconcile();
  if (how === 'altered') {
    // This worker has checked it before, and rests on what it has seen; who sees it for the first time does not.
    await engine().ended(run);
    await expect(stand.signed.records(run)).rejects.toMatchObject({ code: 'custody-broken' });
    return;
  }
  await stand.refused(run);
  expect(stand.commands).toEqual(['list']);
});

test('a chain that was cut while its run goes on repeats nothing on a node', async () => {
  const { redis, keys } = engine();
  const run = await stand.waitingRun('steady');
  stand.onCommand = async (name) => {
    if (name !== 'diff') return;
    await stand.cut(run, 1);
    await redis.del(keys.steps(run), keys.finished(run), keys.fences(run), keys.begun(run));
  };
  const runner = await stand.runner();
  await runner.reconcile();
  await stand.refused(run);
  expect(stand.commands).toEqual(['list', 'diff']);
});

test.each(['by the worker that did it', 'by a worker that comes later'])(
  'a run that has ended and was set back to its beginning is not done again %s',
  async (who) => {
    const { redis, keys, queues } = engine();
    const run = await stand.waitingRun();
    let runner = await stand.runner();
    await runner.reconcile();
    await engine().ended(run);
    if (who === 'by a worker that comes later') {
      await runner.stop(2_000);
      runner = await stand.runner();
    }
    await stand.cut(run, 1);
    await redis.del(keys.steps(run), keys.finished(run), keys.fences(run), keys.begun(run));
    await redis.hset(keys.run(run), 'state', 'queued');
    await redis.hdel(keys.run(run), 'error', 'finishedAt', 'verdict', 'reportVersion');
    await redis.zadd(keys.open, 0, run);
    for (const queue of ['cluster.default', 'node.default', 'evidence']) await queues.get(queue).obliterate({ force: true });
    await runner.reconcile();
    await stand.refused(run);
    expect(stand.commands).toEqual(['diff']);
  },
);

test.each(['cut', 'deleted'])('while the register is %s nothing is done, also by a worker that has not seen it itself', async (how) => {
  const { redis, keys, reader } = engine();
  const first = await stand.waitingRun();
  const runner = await stand.runner();
  await runner.reconcile();
  await engine().ended(first);
  const gone = await stand.waitingRun();
  await runner.reconcile();
  expect(await engine().ended(gone)).toMatchObject({ state: 'completed' });
  await runner.stop(2_000);
  const register = await reader.custody('register', 0, 10);
  expect(register).toHaveLength(4);
  if (how === 'cut') await stand.cut('register', 2);
  if (how === 'deleted') await redis.del(keys.custody('register'), keys.head('register'));
  stand.commands.length = 0;
  const run = await stand.waitingRun();
  await (await stand.runner()).reconcile();
  const view = await stand.refused(run);
  expect(view.error?.message).toMatch(/register/);
  expect(stand.commands).toEqual([]);
});

test('a run that was deleted still stands in the register', async () => {
  const { redis, keys, reader } = engine();
  const run = await stand.waitingRun();
  await (await stand.runner()).reconcile();
  await engine().ended(run);
  const all = await redis.keys(`${engine().prefix}:run:${run}*`);
  await redis.del(...all);
  await redis.zrem(keys.all, run);
  expect(await reader.get(run)).toBeUndefined();
  const acts = (await engine().entries('register')).filter(({ subject }) => subject === run).map(({ act }) => act);
  expect(acts).toEqual(['run.opened', 'run.reported']);
});

test.each(['the checkpoint', 'what was read after it'])(
  'a sealed chain that ends before %s is shorter than the register says, or than its reader knows',
  async (what) => {
    const run = await stand.waitingRun();
    await (await stand.runner()).reconcile();
    await engine().ended(run);
    await engine().custody.note(run, [{ act: 'evidence.read', subject: run, detail: { what: 'report' } }], 'somebody');
    const reported = (await engine().entries('register')).find(({ act, subject }) => act === 'run.reported' && subject === run);
    const { signed } = stand;
    const before = await signed.head(run);
    await stand.cut(run, before.entries - (what === 'the checkpoint' ? 2 : 1));
    await expect(signed.head(run)).rejects.toMatchObject({ code: 'custody-broken' });
    // Who has never seen it finds a chain that holds: the register says up to where it must go at least.
    const { entries } = await stand.signed.head(run);
    expect(entries > Number(reported?.detail['seq'])).toBe(what !== 'the checkpoint');
  },
);
