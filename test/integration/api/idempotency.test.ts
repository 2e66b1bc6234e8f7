import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { Engine } from '../engine/engine.js';
import { withEngine } from '../engine/with-engine.js';
import { minimal, openDoor, secret } from './door.js';
import { FakeRuns } from './fakes.js';

const other = { target: { namespace: 'shop', pod: 'web-1' } };

describe('a request with an Idempotency-Key', () => {
  const door = openDoor();
  const post = (key: string, body: object = minimal) => door.post('/api/v1/runs', body).set('Idempotency-Key', key);

  it('opens one run, however often it comes, and is answered with where that is and how it is by now', async () => {
    const first = await post('"k-1"').expect(202);
    const { id } = first.body as { id: string };
    door.runs.change(id, { state: 'running' });
    for (const key of ['"k-1"', 'k-1']) {
      const again = await post(key).expect(202);
      expect(again.headers['location']).toBe(first.headers['location']);
      expect(again.body).toMatchObject({ id, state: 'running' });
    }
    expect(door.runs.runs.size).toBe(1);
  });

  it('is the same one when it says the same in other words, and refused when it says something else', async () => {
    const first = await post('k-2').expect(202);
    const same = { target: { pod: 'web-0', cluster: 'default', namespace: 'shop' }, options: { priority: 'interactive' } };
    expect((await post('k-2', same).expect(202)).headers['location']).toBe(first.headers['location']);
    const answer = await post('k-2', other).expect(422);
    expect(answer.body).toMatchObject({ code: 'idempotency-mismatch', type: 'urn:podtriage:problem:idempotency-mismatch' });
    await post('k-3', other).expect(202);
  });

  it('is refused while the first one is under way, and can be sent again when that has failed', async () => {
    const runs = new FakeRuns();
    let fail: (error: Error) => void = () => undefined;
    const open = (): Promise<never> => new Promise((_resolve, reject) => (fail = reject));
    const slow = openDoor({
      commander: { open, openAndShow: open, cancel: () => Promise.resolve(false) },
      storeTimeoutMs: 60_000,
      runs,
    });
    const send = () => slow.post('/api/v1/runs', minimal).set('Idempotency-Key', 'k-1');
    const first = send().then((answer) => answer.status);
    await sleep(300);
    expect((await send().expect(409)).body).toMatchObject({ code: 'conflict' });
    fail(new TriageError('redis-unavailable', 'Redis did not answer'));
    expect(await first).toBe(503);
    const again = send().then((answer) => answer.status);
    await sleep(300);
    fail(new TriageError('redis-unavailable', 'Redis did not answer'));
    expect(await again).toBe(503);
  });

  it.each([
    ['255 characters', 'k'.repeat(255)],
    ['escapes and blanks in quotes', String.raw`"a \"b\" \\ c"`],
    [
      'all that can be seen',
      Array.from({ length: 93 }, (_, at) => String.fromCharCode(0x21 + at))
        .join('')
        .replace('!"', '!'),
    ],
  ])('may have %s as its key', async (_what, key) => {
    await post(key).expect(202);
  });

  it.each([
    ['256 characters', 'k'.repeat(256)],
    ['nothing in quotes', '""'],
    ['a quote that is not closed', '"abc'],
    ['a blank', 'a b'],
    ['two keys', '"a", "b"'],
    ['parameters', '"a";b=1'],
    ['an escape that is none', String.raw`"a\b"`],
    ['another alphabet', 'k\u00e9y'],
  ])('may not have %s as its key', async (_what, key) => {
    const before = door.runs.runs.size;
    const answer = await post(key).expect(400);
    expect(answer.body).toMatchObject({ code: 'invalid-request' });
    expect(door.runs.runs.size).toBe(before);
  });

  it('that is refused leaves its key free', async () => {
    await post('k-9', { target: { namespace: 'shop', pod: 'NOT A NAME' } }).expect(400);
    await post('k-9', { ...minimal, playbook: 'nothing-like-it' }).expect(422);
    await post('k-9').expect(202);
  });
});

describe('API processes on one Redis', () => {
  const engine = withEngine();
  const program = fileURLToPath(new URL('api-child.ts', import.meta.url));

  it('open one run a key, whichever of them is asked and whichever is killed meanwhile', async () => {
    const survivor = await ApiChild.start(engine(), program);
    const victims = await Promise.all(Array.from({ length: 4 }, () => ApiChild.start(engine(), program)));
    try {
      for (const [at, victim] of victims.entries()) {
        const keys = Array.from({ length: 12 }, (_, index) => `key-${at}-${index}`);
        const asked = Promise.allSettled(keys.map((key) => victim.open(key)));
        while ((await claimed(engine())) <= at * 12) await sleep(1);
        await sleep(at * 8);
        await victim.kill();
        await asked;
        const [mine, again] = [await settled(survivor, keys), await settled(survivor, keys)];
        expect(again).toEqual(mine);
        expect(new Set(mine).size).toBe(keys.length);
      }
      const runs = await engine().redis.zrange(engine().keys.all, '-', '+', 'BYLEX');
      expect(runs).toHaveLength(48);
      for (const run of runs) expect((await engine().entries(run)).filter(({ act }) => act === 'run.requested')).toHaveLength(1);
      expect((await survivor.open('key-0-0', other)).status).toBe(422);
    } finally {
      await Promise.all([survivor, ...victims].map((child) => child.kill()));
    }
  });
});

/** How many keys stand for a request. */
async function claimed({ redis, prefix }: Engine): Promise<number> {
  return (await redis.keys(`${prefix}:request-claim:*`)).length;
}

/** Sends the request of each key until it is answered; returns where the runs are. */
function settled(child: ApiChild, keys: readonly string[]): Promise<string[]> {
  return Promise.all(
    keys.map(async (key) => {
      for (;;) {
        const answer = await child.open(key);
        if (answer.status === 202) return answer.headers.get('location') ?? '';
        if (answer.status !== 409) throw new Error(`${answer.status}: ${await answer.text()}`);
        await sleep(50);
      }
    }),
  );
}

/** An API process that the test kills. */
class ApiChild {
  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
  ) {}

  static async start({ server, prefix, folder }: Engine, program: string): Promise<ApiChild> {
    const options = { socket: server.socket, prefix, keys: folder, leaseMs: 1_000 };
    const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    return new ApiChild(child, said.toString().trim());
  }

  open(key: string, body: object = minimal): Promise<Response> {
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json', 'idempotency-key': `"${key}"` };
    return fetch(`${this.url}/api/v1/runs`, { method: 'POST', headers, body: JSON.stringify({ ...body, playbook: 'brief' }) });
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}
