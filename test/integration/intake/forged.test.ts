import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerChain } from '../../../playbooks/domain/custody.js';
import { withEngine } from '../engine/with-engine.js';
import { alertAbout, apiProcess } from './intake-stand.js';

const engine = withEngine();
const by = { actor: 'key:falco', reach: 'all' } as const;
let one: ReturnType<typeof apiProcess>;
beforeEach(() => {
  one = apiProcess(engine());
});
afterEach(() => one.close());

describe('an alert', () => {
  it('is told from those about another pod, whatever fingerprint they claim', async () => {
    const { run } = await one.desk.take(alertAbout('web-0', { fingerprint: 'same' }), by);
    const other = { actor: 'key:other', reach: [{ cluster: 'default', namespace: 'bank' }] };
    const taken = await one.desk.take(alertAbout('db-0', { fingerprint: 'same', namespace: 'bank', rule: 'Forged' }), other);
    expect(taken.outcome).toBe('opened');
    expect(taken.run).not.toBe(run);
    expect((await engine().reader.get(run!))!.triggers).toMatchObject({ count: 1 });
    expect((await engine().entries(run!)).map(({ act }) => act)).not.toContain('run.triggered');
  });

  it('opens no run under a name that is none of a run, whoever has claimed the pod', async () => {
    const { redis, keys } = engine();
    await redis.set(keys.podClaim({ cluster: 'default', namespace: 'shop', pod: 'web-0' }), registerChain);
    await expect(one.desk.take(alertAbout('web-0'), by)).rejects.toMatchObject({ code: 'internal' });
    expect(await redis.llen(keys.custody(registerChain))).toBe(0);
    expect(await engine().redis.zrange(engine().keys.all, '0', '-1')).toEqual([]);
  });
});
