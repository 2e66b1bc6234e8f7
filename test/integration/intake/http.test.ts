import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { Webhook } from 'standardwebhooks';
import supertest from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { IntakeDesk, type Outcome } from '../../../api/intake/desk.js';
import type { Reach, Scope } from '../../../playbooks/domain/access.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import { parseIntakes } from '../../../playbooks/triggers/config.js';
import type { RunReader } from '../../../store/run-view.js';
import { payload } from '../../unit/intake/payloads.js';
import { openDoor, secret } from '../api/door.js';
import { withEngine } from '../engine/with-engine.js';
import { apiProcess } from './intake-stand.js';

const engine = withEngine();
const config = parseIntakes(
  'test.yaml',
  `rules:
  - { name: never, alertRules: [Custom*], enabled: false }
  - { name: all, playbook: brief, alertRules: ["*shell*", "Unexpected*", "High*", "Out*", "KubePod*", "Drop*", "Reverse*"], maxRunsPerNamespacePerHour: 3 }
generic:
  - name: edr
    secretFile: /secret
    reach: [{ cluster: default, namespace: shop }]
    fields: { rule: /data/detection, priority: /data/severity, namespace: /data/resource/namespace, pod: /data/resource/pod }`,
);
const [old, current] = [randomBytes(32), randomBytes(32)].map((bytes) => new Webhook(`whsec_${bytes.toString('base64')}`));

type Api = ReturnType<typeof apiProcess>;
interface Rights {
  readonly scopes: readonly Scope[];
  readonly reach: Reach;
}
const all: Rights = { scopes: ['runs:read', 'runs:write'], reach: 'all' };

let one: Api;
let rights = all;
let desk: Pick<IntakeDesk, 'takeAll'>;
/** The reader of the test that runs. */
function readerNow(): RunReader {
  const real = (): RunReader => one.reader;
  return {
    get: (run) => real().get(run),
    list: (query) => real().list(query),
    records: (run) => real().records(run),
    artifacts: (run) => real().artifacts(run),
    lookups: (run) => real().lookups(run),
    custody: (...page) => real().custody(...page),
    changed: (...wait) => real().changed(...wait),
  };
}

// Reading the contract takes longer than most tests: one door for all of them.
const { app } = openDoor({
  runs: readerNow(),
  keys: { verify: (given) => Promise.resolve(given === secret ? { id: 'key-1', name: 'falco', ...rights } : undefined) },
  intake: {
    config,
    desk: { takeAll: (...told) => desk.takeAll(...told) },
    secrets: new Map([['edr', [old!, current!]]]),
    left: () => one.triggers.left(),
  },
  storeTimeoutMs: 30_000,
});

beforeEach(() => {
  one = apiProcess(engine(), config);
  rights = all;
  desk = one.desk;
});
afterEach(() => one.close());

async function tell(kind: string, body: object): Promise<{ status: number; alerts: Outcome[]; body: { detail?: string } }> {
  const answer = await supertest(app).post(`/api/v1/intake/${kind}`).set('Authorization', `Bearer ${secret}`).send(body);
  const read = answer.body as { alerts?: Outcome[]; detail?: string };
  return { status: answer.status, alerts: read.alerts ?? [], body: read };
}

interface Signed {
  id?: string;
  aheadMs?: number;
  by?: Webhook;
  body?: string;
  sent?: string;
  name?: string;
}

function webhook({
  id = 'msg_1',
  aheadMs = 0,
  by = current!,
  body = JSON.stringify(payload('generic-detection')),
  sent = body,
  name = 'edr',
}: Signed = {}) {
  const at = new Date(Date.now() + aheadMs);
  return supertest(app)
    .post(`/api/v1/intake/generic/${name}`)
    .set({
      'Content-Type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': by.sign(id, at, body),
    })
    .send(sent);
}

async function runs(): Promise<readonly string[]> {
  return engine().redis.zrange(engine().keys.all, '0', '-1');
}

describe('an intake', () => {
  it.each([
    ['falco', 'falco-shell', [{ outcome: 'opened', rule: 'Terminal shell in container', startedBy: 'all' }]],
    ['falco', 'falcosidekick', [{ outcome: 'opened' }]],
    ['falco', 'falco-host', [{ outcome: 'ignored', reason: 'an event of the host, not of a container', rule: 'Write below monitored dir' }]],
    ['falco', 'falco-nulls', [{ outcome: 'ignored', reason: 'it names neither a pod with its namespace nor a container' }]],
    ['falco', 'falco-static-pod', [{ outcome: 'ignored', reason: 'no rule', rule: 'Write below etc' }]],
    ['falco', 'falco-container-only', [{ outcome: 'resolving' }]],
    ['alertmanager', 'alertmanager-pod', [{ outcome: 'opened' }]],
    ['alertmanager', 'alertmanager-kube-state-metrics', [{ outcome: 'opened' }]],
    ['alertmanager', 'alertmanager-resolved', [{ outcome: 'ignored', reason: 'it is resolved' }]],
    ['alertmanager', 'grafana', [{ outcome: 'opened' }]],
  ])('%s takes %s', async (kind, name, expected) => {
    const { status, alerts } = await tell(kind, payload(name));
    expect({ status, alerts }).toMatchObject({ status: 202, alerts: expected });
    expect(await runs()).toHaveLength(expected.filter(({ outcome }) => outcome === 'opened').length);
  });

  it('opens one run a pod for a group, and says what it has left out', async () => {
    const { alerts } = await tell('alertmanager', payload('alertmanager-group'));
    expect(alerts.map(({ outcome }) => outcome).sort()).toEqual(['attached', 'ignored', 'ignored', 'ignored', 'opened', 'opened']);
    expect(await runs()).toHaveLength(2);
    expect((await tell('alertmanager', payload('alertmanager-group'))).alerts.filter(({ outcome }) => outcome === 'duplicate')).toHaveLength(3);
    expect(await runs()).toHaveLength(2);
  });

  it('shows on the run who has told it, and how often', async () => {
    const [{ run } = {}] = (await tell('falco', payload('falco-shell'))).alerts;
    await tell('falco', payload('falco-shell'));
    const answer = await supertest(app).get(`/api/v1/runs/${run}`).set('Authorization', `Bearer ${secret}`).expect(200);
    expect(answer.body).toMatchObject({
      requestedBy: 'key:key-1',
      origin: { trigger: { intake: 'falco' } },
      triggers: { count: 2, rules: [{ count: 2 }] },
    });
  });

  it.each([
    ['falco', {}],
    ['falco', { rule: ' ' }],
    ['falco', { rule: { $gt: '' } }],
    ['alertmanager', {}],
    ['alertmanager', { alerts: 'all' }],
    ['alertmanager', { alerts: [null] }],
  ])('%s refuses %j for good', async (kind, body) => {
    expect((await tell(kind, body)).status).toBe(400);
  });

  it('reads groups of up to a megabyte, and no more', async () => {
    const group = (bytes: number) => ({ alerts: [{ labels: { alertname: 'High', namespace: 'shop', pod: 'web-0', filler: 'x'.repeat(bytes) } }] });
    expect((await tell('alertmanager', group(900_000))).status).toBe(202);
    expect((await tell('alertmanager', group(1_100_000))).status).toBe(413);
  });

  it('takes alerts from who may open runs only, about pods that he reaches only', async () => {
    await supertest(app).post('/api/v1/intake/falco').send(payload('falco-shell')).expect(401);
    rights = { ...all, scopes: ['runs:read'] };
    expect((await tell('falco', payload('falco-shell'))).status).toBe(403);
    rights = { ...all, reach: [{ cluster: 'default', namespace: 'other' }] };
    expect((await tell('falco', payload('falco-shell'))).alerts).toMatchObject([
      { outcome: 'ignored', reason: expect.stringContaining('does not reach') as string },
    ]);
    expect(await runs()).toEqual([]);
  });

  it('lists what was left to who reaches it', async () => {
    for (const pod of ['a', 'b', 'c', 'd'])
      await tell('alertmanager', { alerts: [{ labels: { alertname: 'High', namespace: 'shop', pod }, fingerprint: pod }] });
    await one.triggers.leave('default/69d22f20d812', 'High', 'container-not-found');
    const left = async (reach: Reach): Promise<unknown> => {
      rights = { ...all, reach };
      return (await supertest(app).get('/api/v1/intake/left?limit=10').set('Authorization', `Bearer ${secret}`).expect(200)).body;
    };
    const capped = { cluster: 'default', namespace: 'shop', pod: 'd', reason: 'capped', count: 1 };
    expect(await left('all')).toMatchObject({ count: 2, left: [{ containerId: '69d22f20d812', reason: 'container-not-found' }, capped] });
    expect(await left([{ cluster: 'default', namespace: 'shop' }])).toMatchObject({ count: 1, left: [capped] });
    expect(await left([{ cluster: 'default', namespace: 'x' }])).toEqual({ count: 0, left: [] });
  });

  it('asks the sender to come again while Redis does not answer', async () => {
    const take = (): Promise<never> => Promise.reject(new TriageError('redis-unavailable', 'gone'));
    const log = pino({ level: 'silent' });
    desk = new IntakeDesk({ rules: config.rules, clusters: ['default'], triggers: { take }, containers: one.containers, log, storeTimeoutMs: 1_000 });
    const answer = await supertest(app).post('/api/v1/intake/falco').set('Authorization', `Bearer ${secret}`).send(payload('falco-shell'));
    expect(answer.status).toBe(503);
    expect(answer.headers['retry-after']).toBeDefined();
  });

  it('of an installation that has none says what to set', async () => {
    const door = openDoor();
    for (const kind of ['falco', 'alertmanager'])
      expect((await door.post(`/api/v1/intake/${kind}`, { rule: 'x', alerts: [] }).expect(404)).text).toContain('PODTRIAGE_INTAKES');
    await door.post('/api/v1/intake/generic/edr', {}).expect(401);
  });

  it('takes a flood of 1,000 events about one pod as one run', async () => {
    const event = payload('falco-shell');
    const told = await Promise.all(Array.from({ length: 1_000 }, (_, n) => tell('falco', { ...event, uuid: `event-${n}` })));
    expect(told.every(({ status }) => status === 202)).toBe(true);
    const [run, ...others] = await runs();
    expect(others).toEqual([]);
    expect(told.flatMap(({ alerts }) => alerts.map((each) => each.run))).toEqual(Array.from({ length: 1_000 }, () => run));
    expect((await one.reader.get(run!))!.triggers).toMatchObject({ count: 1_000 });
  });
});

describe('the generic intake', () => {
  it('takes what is signed by one of its secrets', async () => {
    const first = await webhook().expect(202);
    expect(first.body).toMatchObject({ alerts: [{ outcome: 'opened', rule: 'Reverse shell', startedBy: 'all' }] });
    await webhook({ id: 'msg_2', by: old! }).expect(202);
    const [run] = await runs();
    expect(await one.reader.get(run!)).toMatchObject({ requestedBy: 'intake:edr', triggers: { count: 2 } });
  });

  it('answers the same delivery as the first time, and does nothing', async () => {
    const first = await webhook().expect(202);
    const again = await Promise.all(Array.from({ length: 20 }, () => webhook().expect(202)));
    for (const { body } of again) expect(body).toEqual(first.body);
    const [run, ...others] = await runs();
    expect(others).toEqual([]);
    expect((await one.reader.get(run!))!.triggers!.count).toBe(1);
  });

  it.each<[string, Signed]>([
    ['another body than was signed', { sent: JSON.stringify({ ...payload('generic-detection'), more: 1 }) }],
    ['the same JSON in other bytes', { sent: ` ${JSON.stringify(payload('generic-detection'))}` }],
    ['a signature by another secret', { by: new Webhook(`whsec_${randomBytes(32).toString('base64')}`) }],
    ['a signature of six minutes ago', { aheadMs: -360_000 }],
    ['a signature from the future', { aheadMs: 360_000 }],
    ['a name that there is not', { name: 'edr2' }],
  ])('refuses %s', async (_what, signed) => {
    await webhook(signed).expect(401);
    expect(await runs()).toEqual([]);
  });

  it('refuses what is not signed, or is too long', async () => {
    await supertest(app).post('/api/v1/intake/generic/edr').send(payload('generic-detection')).expect(401);
    await supertest(app).post('/api/v1/intake/generic/edr').set('Authorization', `Bearer ${secret}`).send(payload('generic-detection')).expect(401);
    await webhook({ body: JSON.stringify({ filler: 'x'.repeat(70_000) }) }).expect(413);
  });

  it('has pods looked at only where its configuration lets it', async () => {
    const body = JSON.stringify({ data: { detection: 'Reverse shell', resource: { namespace: 'kube-system', pod: 'etcd-0' } } });
    const answer = await webhook({ body }).expect(202);
    expect(answer.body).toMatchObject({ alerts: [{ outcome: 'ignored' }] });
  });
});
