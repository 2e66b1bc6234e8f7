import { expect, test } from 'vitest';
import { RedisEvidenceActs } from '../../../store/evidence-acts.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedRuns } from '../../../store/signed-run.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
const report = { what: 'report', format: 'json' } as const;
const reach = (namespace: string) => [{ cluster: 'default', namespace }];

test('evidence is read by who reaches the pod of the signed request, whatever Redis says of the run', async () => {
  const { custody, reader, redis, keys, folder } = engine();
  const acts = new RedisEvidenceActs(custody, reader, new SignedRuns(redis, keys, keyRing(folder)));
  const run = await engine().open('brief');
  await acts.read(run, 'key:shop', report, reach('shop'));
  const request = (await redis.hget(keys.run(run), 'request'))!;
  await redis.hset(keys.run(run), 'request', request.replace('"shop"', '"bank"'));
  await expect(acts.read(run, 'key:bank', report, reach('bank'))).rejects.toMatchObject({ code: 'custody-broken' });
  await expect(new RedisEvidenceActs(custody, reader).read(run, 'key:bank', report, reach('bank'))).rejects.toMatchObject({ code: 'custody-broken' });
  await acts.read(run, 'key:admin', report);
  const reads = (await engine().entries(run)).filter(({ act }) => act === 'evidence.read').map(({ actor }) => actor);
  expect(reads).toEqual(['key:shop', 'key:admin']);
});
