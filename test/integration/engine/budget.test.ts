import { once } from 'node:events';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { runRequestSchema } from '../../../playbooks/domain/request.js';
import type { HashListPort, IntelPort } from '../../../playbooks/ports.js';
import { fakePorts } from './fake-ports.js';
import { podOf } from './gather.js';
import { LateEngine, tally } from './late-engine.js';
import { hashOf, latePlaybooks } from './late-playbook.js';
import { LateSource } from './late-source.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

async function late(): Promise<{ late: LateEngine; source: LateSource }> {
  const source = new LateSource();
  return { late: await LateEngine.create(engine(), source), source };
}

const programs = [0, 1, 2, 3].map((at) => hashOf(`p${at}`));

test('the budget goes to the best hashes; the rest is not asked, which is a limit and no gap', async () => {
  const { late: it, source } = await late();
  await it.runner();
  const run = await it.open('more', { budget: 4 });
  const view = await engine().ended(run);
  expect(view).toMatchObject({ state: 'completed', completeness: 'full', verdict: 'inconclusive' });
  expect([...source.asked].sort()).toEqual([...programs].sort());
  expect(tally(await it.listed(run))).toEqual({ undetected: 4, 'not-asked: budget': 6 });
  const step = view.steps.find(({ name }) => name === 'lookup-hashes');
  expect(step?.gaps).toEqual([]);
  expect(step?.limits).toMatchObject([{ subject: '6 lookups', reason: 'budget' }]);
});

test('what the desk knows already costs nothing of the budget', async () => {
  const { late: it, source } = await late();
  await it.runner();
  await engine().ended(await it.open('more', { budget: 4 }));
  const run = await it.open('more', { budget: 5 });
  await engine().ended(run);
  expect(tally(await it.listed(run))).toEqual({ undetected: 9, 'not-asked: budget': 1 });
  expect(source.asked).toHaveLength(9);
  expect(
    (await it.listed(run))
      .filter(({ cached }) => cached)
      .map(({ sha256 }) => sha256)
      .sort(),
  ).toEqual([...programs].sort());
});

test('the choice is made once: a worker that takes over asks about the same hashes and no others', async () => {
  const { late: it, source } = await late();
  source.hold(...programs);
  const first = await it.runner();
  const run = await it.open('more', { budget: 2 });
  await engine().until(run, (view) => view.waitingFor?.for === 'quota');
  await first.stop(3_000);
  const text = await engine().redis.hget(engine().keys.asking(run), 'lookup-hashes');
  const chosen = z
    .object({ value: z.array(z.tuple([z.string(), z.number()])) })
    .parse(JSON.parse(text ?? ''))
    .value.map(([sha256]) => sha256);
  expect(chosen).toHaveLength(2);
  expect(await engine().redis.ttl(engine().keys.asking(run))).toBeGreaterThan(0);
  // Another run finds out about one of the chosen: whoever chose anew would now have one to spare.
  await engine().desk.keep({ sha256: chosen[0]!, source: 'test', status: 'unknown', askedAt: new Date().toISOString(), cached: false });
  source.release(...programs);
  await it.runner();
  await engine().ended(run);
  expect(new Set(source.asked).size).toBeLessThanOrEqual(2);
  const answered = (await it.listed(run)).filter(({ status }) => status !== 'not-asked').map(({ sha256 }) => sha256);
  expect(answered.sort()).toEqual(chosen.sort());
});

test('a pod full of junk spends its budget, and others get their answers as if it were not there', async () => {
  const { late: it, source } = await late();
  await it.runner();
  const junk = await it.open('junk');
  const ordinary = await it.open('few');
  for (const run of [junk, ordinary]) expect((await engine().ended(run)).state).toBe('completed');
  expect(tally(await it.listed(junk))).toEqual({ undetected: 50, 'not-asked: budget': 4_950 });
  expect(tally(await it.listed(ordinary))).toEqual({ undetected: 3 });
  expect(source.asked).toHaveLength(53);
});

test('5,000 junk files in the middle of a batch of 20 hold none of the others up', { timeout: 120_000 }, async () => {
  const asked: string[] = [];
  const gate = new AbortController();
  const opened = once(gate.signal, 'abort');
  const intel: IntelPort = {
    source: 'test',
    async lookup(sha256) {
      asked.push(sha256);
      if (!gate.signal.aborted) await opened;
      return { lookup: { sha256, source: 'test', status: 'undetected', askedAt: new Date().toISOString() } };
    },
  };
  const hashesOf = (kind: string, count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => sha256Hex(`${kind} ${from + at}`));
  const open = (pod: string): Promise<string> =>
    engine().commander.open(
      runRequestSchema.parse({ target: { namespace: 'shop', pod }, playbook: 'asking', options: { priority: 'batch' } }),
      'test',
    );
  await engine().runner({ ports: { ...fakePorts, intel } });
  const others = await Promise.all(Array.from({ length: 10 }, (_, at) => open(podOf({ kind: 'own', from: at * 4, count: 4, of: 80 }))));
  const junk = await open(podOf({ kind: 'junk', from: 0, count: 5_000, of: 5_000 }));
  others.push(...(await Promise.all(Array.from({ length: 10 }, (_, at) => open(podOf({ kind: 'own', from: 40 + at * 4, count: 4, of: 80 }))))));
  for (const run of [...others, junk]) await engine().until(run, (view) => view.waitingFor?.for === 'quota');
  gate.abort();
  for (const run of others) {
    expect((await engine().ended(run)).state).toBe('completed');
    expect((await engine().reader.lookups(run)).map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'undetected'));
  }
  await engine().ended(junk);
  const junkAsked = asked.filter((sha256) => !hashesOf('own', 80).includes(sha256));
  expect(junkAsked).toHaveLength(50);
  expect(asked).toHaveLength(130);
  // Programs go before texts, whoever came first: but for what was on its way already, junk is asked about last.
  expect(asked.slice(0, 70).filter((sha256) => junkAsked.includes(sha256)).length).toBeLessThanOrEqual(4);
});

test('hash lists answer before anybody is asked', async () => {
  const { late: it, source } = await late();
  const says: Record<string, 'good' | 'bad'> = { [programs[0]!]: 'bad', [programs[1]!]: 'good' };
  const hashLists: HashListPort = {
    find: (sha256) => (says[sha256] === undefined ? undefined : { list: 'mine', says: says[sha256] }),
  };
  await it.runner({ hashLists });
  const run = await it.open('few');
  await engine().ended(run);
  const lookups = new Map((await it.listed(run)).map((lookup) => [lookup.sha256, lookup]));
  expect(lookups.get(programs[0]!)).toMatchObject({ status: 'known-bad', source: 'list:mine', cached: false });
  expect(lookups.get(programs[1]!)).toMatchObject({ status: 'known-good', source: 'list:mine', cached: false });
  expect(source.asked).toEqual([programs[2]]);
});

test('hash lists answer where no source is configured, too', async () => {
  const { late: it } = await late();
  const hashLists: HashListPort = { find: () => ({ list: 'all', says: 'good' }) };
  await engine().runner({ playbooks: latePlaybooks, ports: { ...fakePorts, evidence: it.evidence, hashLists } });
  const run = await it.open('few');
  await engine().ended(run);
  expect(tally(await it.listed(run))).toEqual({ 'known-good': 3 });
});

test('what is as its package made it is known, says how weakly, and is not asked about', async () => {
  const { late: it, source } = await late();
  await it.runner();
  const run = await it.open('packaged');
  await engine().ended(run);
  const lookups = new Map((await it.listed(run)).map((lookup) => [lookup.sha256, lookup]));
  for (const sha256 of programs.slice(0, 2))
    expect(lookups.get(sha256)).toMatchObject({ status: 'known-good', source: 'package:dpkg', reason: 'coreutils 9.1-1 (md5, weak)' });
  expect(source.asked).toEqual([programs[2]]);
});

test('what a list holds for bad is bad, whatever the package database of its image says', async () => {
  const { late: it, source } = await late();
  const hashLists: HashListPort = { find: (sha256) => (sha256 === programs[0] ? { list: 'mine', says: 'bad' } : undefined) };
  await it.runner({ hashLists });
  const run = await it.open('packaged');
  const view = await engine().ended(run);
  const lookups = new Map((await it.listed(run)).map((lookup) => [lookup.sha256, lookup]));
  expect(lookups.get(programs[0]!)).toMatchObject({ status: 'known-bad', source: 'list:mine' });
  expect(lookups.get(programs[1]!)).toMatchObject({ status: 'known-good', source: 'package:dpkg' });
  expect(view.verdict).toBe('malicious');
  expect(source.asked).toEqual([programs[2]]);
});

test('a key that is refused makes one gap, and everything else in the run stands', async () => {
  const { late: it, source } = await late();
  for (let at = 0; at < 50; at++) source.says(hashOf(`p${at}`), new TriageError('intel-unauthorized', 'the key is not valid'));
  await it.runner();
  const run = await it.open('fifty');
  const view = await engine().ended(run);
  expect(view).toMatchObject({ state: 'completed', completeness: 'partial', amendments: [] });
  const step = view.steps.find(({ name }) => name === 'lookup-hashes');
  expect(step?.gaps).toMatchObject([
    { subject: '50 lookups', reason: 'intel-unauthorized', detail: expect.stringContaining('not valid') as unknown },
  ]);
  expect(view.steps.every(({ state }) => state === 'succeeded')).toBe(true);
});

test('what processes run is asked about where no file could be taken', async () => {
  const { late: it, source } = await late();
  source.says(programs[0]!, 'detected');
  await it.runner();
  const view = await engine().ended(await it.open('processes'));
  expect(view.steps.map(({ state }) => state)).toEqual(['failed', 'succeeded', 'succeeded', 'succeeded']);
  expect(source.asked).toEqual([programs[0]]);
  expect(view.verdict).toBe('malicious');
});

test('a run that is cancelled takes its lookups out of the queue, but those that another waits for', async () => {
  const { late: it, source } = await late();
  source.hold(...programs);
  const runner = await it.runner({}, { quotaLimits: { perMinute: 1, perDay: 100, perMonth: 100 } });
  const other = await it.open('few');
  const run = await it.open('more', { budget: 6 });
  for (const each of [other, run]) await engine().until(each, (view) => view.waitingFor?.for === 'quota');
  await it.commander.cancel(run, 'alice');
  expect((await engine().ended(run)).state).toBe('cancelled');
  await runner.stop(3_000);
  const lookups = engine().queues.get('lookups');
  const left = (await lookups.getJobs()).map(({ id }) => id).sort();
  expect(left).toEqual([0, 1, 2].map((at) => `vt.${hashOf(`p${at}`)}`).sort());
});
