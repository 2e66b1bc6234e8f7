import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseIntakes } from '../../../playbooks/triggers/config.js';
import { withEngine } from '../engine/with-engine.js';
import { alertAbout, apiProcess } from './intake-stand.js';

const engine = withEngine();
const by = { actor: 'key:falco', reach: 'all' } as const;
type Api = ReturnType<typeof apiProcess>;
const opened: Api[] = [];
function api(...more: Parameters<typeof apiProcess> extends [unknown, ...infer Rest] ? Rest : never): Api {
  const made = apiProcess(engine(), ...more);
  opened.push(made);
  return made;
}
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

async function runs(): Promise<readonly string[]> {
  return engine().redis.zrange(engine().keys.all, '0', '-1');
}

async function acts(run: string, act: string): Promise<unknown[]> {
  return (await engine().entries(run)).filter((entry) => entry.act === act).map(({ detail }) => detail);
}

/** Ends a run without its steps being done. */
async function end(run: string, state: string): Promise<void> {
  const { redis, keys } = engine();
  await redis.zrem(keys.open, run);
  await redis.hset(keys.run(run), 'state', state);
}

describe('alerts about a pod', () => {
  let one: Api;
  beforeEach(() => {
    one = api();
  });

  it('open one run whose signed request has the first of them', async () => {
    const first = await one.desk.take(alertAbout('web-0', { rule: 'Shell' }), by);
    expect(first).toMatchObject({ outcome: 'opened', rule: 'Shell', startedBy: 'everything' });
    const view = await engine().reader.get(first.run!);
    expect(view).toMatchObject({ requestedBy: 'key:falco', origin: { trigger: { rule: 'Shell', startedBy: 'everything' } }, triggers: { count: 1 } });
    expect(view!.request).toMatchObject({ target: { namespace: 'shop', pod: 'web-0' }, options: { priority: 'webhook' } });
    expect(await acts(first.run!, 'run.requested')).toMatchObject([{ origin: { trigger: { rule: 'Shell' } } }]);
    expect(await acts(first.run!, 'run.triggered')).toEqual([]);
  });

  it('are attached to the open run, counted by rule, and recorded once a rule', async () => {
    const { run } = await one.desk.take(alertAbout('web-0', { rule: 'Shell' }), by);
    for (const rule of ['Shell', 'Miner', 'Miner', 'Outbound'])
      expect(await one.desk.take(alertAbout('web-0', { rule }), by)).toMatchObject({ outcome: 'attached', run });
    expect((await engine().reader.get(run!))!.triggers).toMatchObject({
      count: 5,
      rules: [
        { rule: 'Miner', count: 2 },
        { rule: 'Shell', count: 2 },
        { rule: 'Outbound', count: 1 },
      ],
    });
    expect(await acts(run!, 'run.triggered')).toMatchObject([{ trigger: { rule: 'Miner' } }, { trigger: { rule: 'Outbound' } }]);
  });

  it('keep only so many names of rules, and count the others', async () => {
    const { run } = await one.desk.take(alertAbout('web-0', { rule: 'r0' }), by);
    for (let n = 1; n <= 60; n += 1) await one.desk.take(alertAbout('web-0', { rule: `r${n}` }), by);
    const { triggers } = (await engine().reader.get(run!))!;
    expect(triggers).toMatchObject({ count: 61, others: 11 });
    expect(triggers!.rules).toHaveLength(50);
    expect(await acts(run!, 'run.triggered')).toHaveLength(49);
  });

  it('are attached to a run that a person has asked for', async () => {
    const run = await engine().open('brief');
    expect(await one.desk.take(alertAbout('web-0'), by)).toMatchObject({ outcome: 'attached', run });
    expect(await runs()).toEqual([run]);
    expect(await acts(run, 'run.triggered')).toHaveLength(1);
  });

  it('open a run beside one that looks at another container only', async () => {
    const { commander } = one;
    const asked = (await engine().reader.get(await engine().open('brief')))!.request;
    const pod = 'web-1';
    const run = await commander.open({ ...asked, target: { ...asked.target, pod, container: 'proxy' } }, 'test');
    expect(await one.desk.take(alertAbout(pod, { container: 'proxy' }), by)).toMatchObject({ outcome: 'attached', run });
    expect(await one.desk.take(alertAbout(pod, { container: 'web' }), by)).toMatchObject({ outcome: 'opened' });
  });

  it('told again are counted once more, and lead to the same run', async () => {
    const alert = alertAbout('web-0');
    const { run } = await one.desk.take(alert, by);
    expect(await one.desk.take(alert, by)).toMatchObject({ outcome: 'duplicate', run });
    await end(run!, 'completed');
    expect(await one.desk.take(alert, by)).toMatchObject({ outcome: 'duplicate', run });
    expect((await engine().reader.get(run!))!.triggers).toMatchObject({ count: 3 });
  });

  it('told again by who tells once do nothing, and are answered as the first time', async () => {
    const alert = alertAbout('web-0');
    const once = { ...by, once: true };
    const first = await one.desk.take(alert, once);
    expect(first.outcome).toBe('opened');
    expect(await one.desk.take(alert, once)).toEqual(first);
    expect((await engine().reader.get(first.run!))!.triggers).toMatchObject({ count: 1 });
  });

  it('about a pod that has taken the place of the other open a run of their own', async () => {
    const [a, b] = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'];
    const first = await one.desk.take(alertAbout('db-0', { uid: a }), by);
    expect(await one.desk.take(alertAbout('db-0', { uid: a }), by)).toMatchObject({ outcome: 'attached', run: first.run });
    expect(await one.desk.take(alertAbout('db-0'), by)).toMatchObject({ outcome: 'attached', run: first.run });
    const second = await one.desk.take(alertAbout('db-0', { uid: b }), by);
    expect(second.outcome).toBe('opened');
    await end(second.run!, 'completed');
    expect(await one.desk.take(alertAbout('db-0', { uid: a }), by)).toMatchObject({ outcome: 'attached', run: first.run });
  });

  it('go by the uid that the run has found, and by kubelet’s own one', async () => {
    const [own, mirror, other] = [1, 2, 3].map((n) => `${n}1111111-1111-4111-8111-111111111111`);
    const { run } = await one.desk.take(alertAbout('etcd-0'), by);
    const facts = { target: { uid: own, staticUid: mirror } };
    await engine().redis.hset(engine().keys.steps(run!), 'locate-node', JSON.stringify({ facts }));
    for (const uid of [own!, mirror!]) expect((await one.triggers.decide(alertAbout('etcd-0', { uid }), { cooldownMs: 0 })).what).toBe('attached');
    expect((await one.triggers.decide(alertAbout('etcd-0', { uid: other! }), { cooldownMs: 0 })).what).toBe('open');
  });
});

describe('cool-down and cap', () => {
  const hour = 3_600_000;
  const start = Date.UTC(2026, 10, 26, 12, 59, 59);
  let now = start;
  const config = parseIntakes('test.yaml', 'rules: [{ name: few, playbook: brief, cooldownMinutes: 30, maxRunsPerNamespacePerHour: 2 }]');
  let one: Api;
  beforeEach(() => {
    now = start;
    one = api(config, () => now);
  });

  it('keep a second run of a pod away, and count on the last one', async () => {
    const { run } = await one.desk.take(alertAbout('web-0'), by);
    await end(run!, 'completed');
    now += 30 * 60_000 - 1;
    expect(await one.desk.take(alertAbout('web-0', { rule: 'Late' }), by)).toMatchObject({ outcome: 'cooling-down', run });
    expect((await engine().reader.get(run!))!.triggers).toMatchObject({ count: 2 });
    expect(await acts(run!, 'run.triggered')).toMatchObject([{ trigger: { rule: 'Late' } }]);
    now += 1;
    expect((await one.desk.take(alertAbout('web-0'), by)).outcome).toBe('opened');
  });

  it('keep away for five minutes only after a run that says nothing of the pod', async () => {
    const { run } = await one.desk.take(alertAbout('web-0'), by);
    await end(run!, 'failed');
    now += 300_000 - 1;
    expect((await one.desk.take(alertAbout('web-0'), by)).outcome).toBe('cooling-down');
    now += 1;
    expect((await one.desk.take(alertAbout('web-0'), by)).outcome).toBe('opened');
  });

  it('let no more runs of a namespace be opened within 60 minutes, across the edge of an hour, and list what was left', async () => {
    for (const pod of ['a', 'b']) expect((await one.desk.take(alertAbout(pod), by)).outcome).toBe('opened');
    now += 2_000;
    const again = alertAbout('c', { rule: 'Shell' });
    expect(await one.desk.take(again, by)).toMatchObject({ outcome: 'capped', startedBy: 'few' });
    expect(await one.desk.take(again, by)).toMatchObject({ outcome: 'capped' });
    expect((await one.desk.take(alertAbout('d', { namespace: 'other' }), by)).outcome).toBe('opened');
    expect(await one.triggers.left()).toMatchObject([
      { subject: 'default/shop/c', reason: 'capped', count: 2, rules: [{ rule: 'Shell', count: 2 }] },
    ]);
    expect((await one.desk.take(alertAbout('a'), by)).outcome).toBe('attached');
    now = start + hour - 1;
    expect((await one.desk.take(alertAbout('c'), by)).outcome).toBe('capped');
    now = start + hour;
    expect((await one.desk.take(again, by)).outcome).toBe('opened');
    expect(await one.triggers.left()).toEqual([]);
  });

  it('do not count against a person who asks', async () => {
    for (const pod of ['a', 'b']) await one.desk.take(alertAbout(pod), by);
    expect((await one.triggers.decide(alertAbout('c'), { cooldownMs: 0 })).what).toBe('open');
  });
});

describe('a flood', () => {
  it('of 1,000 alerts at once through two API processes is one run that has counted them all', async () => {
    const both = [api(), api()] as const;
    const outcomes = await Promise.all(Array.from({ length: 1_000 }, (_, n) => both[n % 2]!.desk.take(alertAbout('web-0'), by)));
    const all = await runs();
    expect(all).toHaveLength(1);
    expect(new Set(outcomes.map(({ run }) => run))).toEqual(new Set(all));
    expect(outcomes.filter(({ outcome }) => outcome === 'opened')).toHaveLength(1);
    expect((await engine().reader.get(all[0]!))!.triggers).toMatchObject({ count: 1_000, rules: [{ count: 1_000 }] });
    expect(await acts(all[0]!, 'run.triggered')).toEqual([]);
  });

  it('of one alert that is told 300 times at once by who tells once is one run with one alert', async () => {
    const both = [api(), api()] as const;
    const alert = alertAbout('web-0');
    const outcomes = await Promise.all(Array.from({ length: 300 }, (_, n) => both[n % 2]!.desk.take(alert, { ...by, once: true })));
    expect(await runs()).toHaveLength(1);
    expect(outcomes.every(({ outcome }) => outcome === 'opened')).toBe(true);
    expect((await engine().reader.get(outcomes[0]!.run!))!.triggers!.count).toBe(1);
  });
});

describe('an API process that dies', () => {
  it('between claim and run leaves a run that the next alert opens, under the same id', async () => {
    const [dead, alive] = [api(), api()];
    const lost = alertAbout('web-0', { rule: 'First' });
    const claim = await dead.triggers.decide(lost, { cooldownMs: 0 });
    expect(claim.what).toBe('open');
    const healed = await alive.desk.take(alertAbout('web-0', { rule: 'Second' }), by);
    expect(healed).toMatchObject({ outcome: 'attached' });
    expect(await runs()).toEqual([healed.run]);
    // The sender has had no answer, and tells it again.
    expect(await alive.desk.take(lost, by)).toMatchObject({ outcome: 'duplicate', run: healed.run });
    expect(await acts(healed.run!, 'run.triggered')).toMatchObject([{ trigger: { rule: 'First' } }]);
  });

  it('is healed by the alert that is told again, and the alert is counted once', async () => {
    const [dead, alive] = [api(), api()];
    const alert = alertAbout('web-0');
    await dead.triggers.decide(alert, { cooldownMs: 0 });
    const { run } = await alive.desk.take(alert, { ...by, once: true });
    expect(await runs()).toEqual([run]);
    expect((await engine().reader.get(run!))!.triggers!.count).toBe(1);
  });

  it('or sleeps until its claim is over opens no second run', async () => {
    const [late, other] = [api(), api()];
    const alert = alertAbout('web-0');
    const claim = await late.triggers.decide(alert, { cooldownMs: 0 });
    await engine().redis.del(engine().keys.podClaim({ cluster: 'default', namespace: 'shop', pod: 'web-0' }));
    const { run } = await other.desk.take(alertAbout('web-0'), by);
    const request = (await engine().reader.get(run!))!.request;
    const { intake, fingerprint, rule, priority, at } = alert;
    const origin = { trigger: { intake, fingerprint, rule, priority, at, startedBy: 'everything' } };
    const id = claim.what === 'open' ? claim.run : '';
    await expect(late.commander.open(request, 'key:falco', { id, origin })).rejects.toMatchObject({ code: 'conflict' });
    expect(await runs()).toEqual([run]);
    expect(await late.desk.take(alert, by)).toMatchObject({ outcome: 'attached', run });
  });

  it('or is slower than a person who asks attaches its alert to the run of that one', async () => {
    const slow = api();
    const alert = alertAbout('web-0');
    const claim = await slow.triggers.decide(alert, { cooldownMs: 0 });
    const asked = await engine().open('brief');
    const { request } = (await engine().reader.get(asked))!;
    const { intake, fingerprint, rule, priority, at } = alert;
    const how = {
      id: claim.what === 'open' ? claim.run : '',
      origin: { trigger: { intake, fingerprint, rule, priority, at, startedBy: 'everything' } },
    };
    await expect(slow.commander.open(request, 'key:falco', how)).rejects.toMatchObject({ code: 'conflict' });
    expect(await slow.desk.take(alert, by)).toMatchObject({ outcome: 'attached', run: asked });
  });

  it('with another rule’s request does not put its steps into the run that there is', async () => {
    const [one, two] = [api(), api()];
    const { run } = await one.desk.take(alertAbout('web-0'), by);
    const request = (await engine().reader.get(run!))!.request;
    await two.commander.open({ ...request, playbook: 'slow' }, 'key:falco', { id: run! });
    expect((await engine().reader.get(run!))!.playbook.name).toBe('brief');
  });
});
