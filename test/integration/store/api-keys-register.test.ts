import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { custodyEntrySchema, registerChain, verifyChain } from '../../../playbooks/domain/custody.js';
import { type NewKey, RedisApiKeys } from '../../../store/api-keys.js';
import { keyRing, readPublicKeys } from '../../../store/public-keys.js';
import { RegisterWitness } from '../../../store/register-witness.js';
import { chainScript } from '../../../store/scripts/chain.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { withEngine } from '../engine/with-engine.js';

const engine = withEngine();
let keys: RedisApiKeys;

beforeEach(() => {
  keys = ring();
});

/** The keys as an API process has them. */
function ring(): RedisApiKeys {
  const { redis, keys: names, signer, folder, custody } = engine();
  return new RedisApiKeys(redis, names, new SignedTexts(signer, keyRing(folder), () => undefined), custody);
}

/** The lines of the register; they must hold. */
async function register(): Promise<string[]> {
  const lines = await engine().redis.lrange(engine().keys.custody(registerChain), 0, -1);
  expect(verifyChain(registerChain, lines, await readPublicKeys(engine().folder))).toMatchObject({ ok: true });
  return lines;
}

const admin: NewKey = { name: 'soc', scopes: ['admin'], reach: 'all' };
const bounded: NewKey = { name: 'shop', scopes: ['runs:read'], reach: [{ cluster: 'default', namespace: 'shop' }] };
const by = 'key:0000000000000001';

describe('what is done with API keys', () => {
  it('is signed in the register, with who did it and the rights, and with nothing of a secret', async () => {
    const expiresAt = new Date(Date.now() + 60_000);
    const made = await keys.create({ ...bounded, expiresAt }, by);
    const rotated = await keys.rotate(made.id, { graceSeconds: 60 }, 'key:other');
    await keys.revoke(made.id, 'oidc:eve');
    await expect(keys.revoke(made.id, by)).rejects.toMatchObject({ code: 'not-found' });
    await expect(keys.create({ ...admin, reach: bounded.reach }, by)).rejects.toMatchObject({ code: 'invalid-request' });
    const lines = await register();
    const subject = made.id;
    expect(lines.map((line) => custodyEntrySchema.parse(JSON.parse(line)))).toMatchObject([
      { act: 'key.made', subject, actor: by, detail: { ...bounded, expiresAt: expiresAt.toISOString() } },
      { act: 'key.rotated', subject, actor: 'key:other', detail: { ...bounded, oldUntil: rotated.rotated?.oldUntil } },
      { act: 'key.revoked', subject, actor: 'oidc:eve', detail: bounded },
    ]);
    for (const { secret } of [made, rotated])
      for (const told of [secret.slice(-43), createHash('sha256').update(secret).digest('hex')]) expect(lines.join()).not.toContain(told);
    expect(await engine().redis.exists(engine().keys.run(registerChain))).toBe(0);
  });

  it('is done once where several do it at once, with others who write to the register', async () => {
    const { id } = await keys.create(bounded, by);
    const other = ring();
    const done = await Promise.allSettled([keys, other, keys, other].map((each) => each.revoke(id, by)));
    expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await Promise.all([keys, other, keys, other].map((each) => each.create(bounded, by)));
    expect(await register()).toHaveLength(6);
  });

  it('leaves a trace also where the record of the key that is revoked was replaced', async () => {
    const { id } = await keys.create(bounded, by);
    await engine().redis.hset(engine().keys.apiKeys, id, 'junk');
    await keys.revoke(id, by);
    expect(await engine().redis.hexists(engine().keys.apiKeys, id)).toBe(0);
    const lines = await register();
    expect(custodyEntrySchema.parse(JSON.parse(lines[1] ?? ''))).toMatchObject({ act: 'key.revoked', subject: id, actor: by, detail: {} });
  });

  it.each(['\xff\xfe', 'junk', '0'])('is not done while Redis has no head of the register but %j', async (head) => {
    await keys.create(bounded, by);
    await engine().redis.set(engine().keys.head(registerChain), Buffer.from(head, 'latin1'));
    await expect(keys.create(bounded, by)).rejects.toMatchObject({ code: 'custody-broken' });
    expect(await keys.list()).toHaveLength(1);
  });

  it('is believed of an API only', async () => {
    const alerts: string[] = [];
    const { redis, keys: names, folder, workerCustody: worker } = engine();
    const witness = new RegisterWitness({ redis, keys: names, trusted: keyRing(folder), alert: ({ message }) => alerts.push(message) });
    await keys.create(admin, by);
    await witness.look();
    expect(alerts).toEqual([]);
    const act = { act: 'key.revoked', subject: '0'.repeat(16), detail: admin } as const;
    await worker.write(registerChain, [act], {
      script: chainScript("if not fits() then return moved() end note() return {'ok'}"),
      keys: [],
      rest: [],
    });
    await witness.look();
    expect(alerts).toEqual([expect.stringContaining('custody entry 1 of run register is signed by the key')]);
  });
});
