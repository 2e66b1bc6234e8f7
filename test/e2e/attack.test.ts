import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addFlow } from '../../store/flow.js';
import { defaultPrefix, keysOf } from '../../store/keys.js';
import { Queues } from '../../store/queues.js';
import { redisEndpoint } from '../../store/redis.js';
import { RedisRunReader } from '../../store/run-reader.js';
import { lab } from './lab.js';
import { TestService } from './service.js';

const keys = keysOf(defaultPrefix);
let service: TestService;
beforeAll(async () => {
  // Nobody else logs in as this user, so that the nodes' logs tell of this service alone.
  service = await TestService.start({ PODTRIAGE_SSH_USER: lab.ssh.users.root });
});
afterAll(() => service.stop());

/** Commands that the nodes' sshd have started for this service. */
function commandsOnNodes(): number {
  const started = new RegExp(`Starting session: command for ${lab.ssh.users.root} `, 'g');
  return lab.nodes.reduce((sum, { sshdLog }) => sum + (readFileSync(sshdLog, 'utf8').match(started)?.length ?? 0), 0);
}

test('who can write to Redis cannot have a command run on a node', async () => {
  const before = commandsOnNodes();
  const run = await service.triage('web-a');
  expect(run.state).toBe('completed');
  const honest = commandsOnNodes();
  expect(honest).toBeGreaterThan(before);

  const { redis } = service;
  const queues = new Queues(redisEndpoint(join(service.data, 'redis.sock')), defaultPrefix);
  const record = await new RedisRunReader(redis, keys).record(run.id);
  if (record === undefined) throw new Error('the run is not there');
  // A run that nobody has requested, and the one that has ended set back to its beginning.
  const forged = `${run.id}x`;
  await redis.hset(keys.run(forged), await redis.hgetall(keys.run(run.id)));
  const [entry = ''] = await redis.lrange(keys.custody(run.id), 0, 0);
  await redis.ltrim(keys.custody(run.id), 0, 0);
  await redis.set(keys.head(run.id), (JSON.parse(entry) as { hash: string }).hash);
  await redis.del(keys.steps(run.id), keys.finished(run.id), keys.fences(run.id), keys.begun(run.id));
  for (const id of [run.id, forged]) {
    await redis.hset(keys.run(id), 'state', 'queued');
    await redis.hdel(keys.run(id), 'finishedAt', 'error', 'verdict', 'completeness', 'reportVersion');
    await redis.zadd(keys.open, 0, id);
  }
  for (const queue of ['cluster.default', 'node.default', 'intel', 'evidence']) await queues.get(queue).obliterate({ force: true });
  // A worker that has seen nothing of it, but for what the data folder keeps.
  await service.kill();
  await service.spawn();
  for (const id of [run.id, forged]) {
    await addFlow(queues, id, record);
    expect(await service.ended(id)).toMatchObject({ state: 'failed', error: { code: 'custody-broken' } });
    expect(service.log).toMatch(new RegExp(`"code":"custody-broken","run":"${id}"`));
  }
  expect(commandsOnNodes()).toBe(honest);
  await queues.close();
  redis.disconnect();
});
