import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSshNodes } from '../../../workers/adapters/node/ssh-nodes.js';
import { TestSshd } from '../node/sshd.js';
import { AttackStand, runOf, strangersKey } from './attack-stand.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();
let sshd: TestSshd;
let seen: string;

beforeEach(async () => {
  seen = join(engine().folder, 'sshd-commands');
  writeFileSync(seen, '');
  const wrapper = join(engine().folder, 'wrapper');
  writeFileSync(wrapper, `#!/bin/sh\nprintf '%s\\n' "$SSH_ORIGINAL_COMMAND" >>${seen}\nexec /bin/sh -c "$SSH_ORIGINAL_COMMAND"\n`, { mode: 0o755 });
  sshd = await TestSshd.start([`ForceCommand ${wrapper}`]);
});
afterEach(() => sshd.stop());

test('nothing that is written into Redis without a key makes a real node run a command', async () => {
  const { redis, keys, queues, reader } = engine();
  const stand = new AttackStand(engine());
  const ssh = createSshNodes(sshd.config());
  const nodes = { connect: (_node: unknown, signal: AbortSignal) => ssh.connect(sshd.node, signal) };
  const forged: string[] = [];
  // A run that nobody has requested, one that a stranger has signed, one whose request was changed, one with a fact of somebody else.
  const [real, changed, misled] = [await stand.waitingRun(), await stand.waitingRun(), await stand.waitingRun()];
  forged.push(`${real}x`, changed, misled);
  await redis.hset(keys.run(`${real}x`), await redis.hgetall(keys.run(real)));
  await redis.zadd(keys.open, 0, `${real}x`);
  await redis.zrem(keys.open, real);
  const [entry = ''] = await reader.custody(changed, 0, 1);
  await redis.lset(keys.custody(changed), 0, entry.replace('"pod":"web-0"', '"pod":"vault"'));
  const at = new Date().toISOString();
  const facts = { node: { name: 'evil', address: '127.0.0.1' } };
  const record = { status: 'succeeded', attempt: 1, startedAt: at, finishedAt: at, facts, gaps: [], limits: [] };
  await redis.hset(keys.steps(misled), 'locate', JSON.stringify(record));
  await redis.hset(keys.finished(misled), 'locate', 0);
  await queues.get('node.default').add('diff', { run: 'rnone', step: 'diff' }, { jobId: 'rnone.diff' });
  await queues.get('node.default').add('diff', { run: real, step: 'diff' }, { jobId: 'forged' });
  const runner = await stand.runner(nodes);
  forged.push(await stand.commander(strangersKey()).open(runOf('brief'), 'test'));
  await runner.reconcile();
  for (const run of forged) await stand.refused(run);
  expect(readFileSync(seen, 'utf8')).toBe('');
  // The same node does what a run asks for that the API has signed.
  await redis.zadd(keys.open, 0, real);
  await runner.reconcile();
  await expect.poll(() => readFileSync(seen, 'utf8'), { timeout: 20_000 }).toContain('sleep');
  await ssh.close();
});
