import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withEngine } from '../engine/with-engine.js';
import { DeliveryStand } from './delivery-stand.js';
import { status } from './receiver.js';

const engine = withEngine();
const program = fileURLToPath(new URL('deliver-child.ts', import.meta.url));
const children: ChildProcess[] = [];
let stand: DeliveryStand;

beforeEach(async () => {
  stand = await DeliveryStand.create(engine());
  await writeFile(join(stand.folder, 'endpoints.json'), JSON.stringify(stand.config));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  stand.close();
});

/** A worker process that has begun to take jobs. */
async function worker(): Promise<ChildProcess> {
  const { server, prefix, folder: keys } = engine();
  const options = { socket: server.socket, prefix, keys, evidence: stand.it.folder, endpoints: join(stand.folder, 'endpoints.json') };
  const child = spawn(process.execPath, ['--import', 'tsx', program, JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

test('a worker that dies after it has sent and before it has written that down has it sent once more, under the same id', async () => {
  const first = await worker();
  let killed = false;
  stand.receiver.answers = [
    (_req, res) => {
      if (killed) return void res.writeHead(200).end();
      killed = true;
      // It is taken, and its sender will never know.
      first.kill('SIGKILL');
    },
    status(200),
  ];
  const run = await stand.open('few', { notify: ['team'], namespace: 'bank' });
  await once(first, 'exit');
  expect(await stand.deliveries(run)).toMatchObject([{ state: 'pending', attempts: 1 }]);
  await worker();
  await stand.ended(run, 1);
  const { id } = await stand.single(run);
  expect(await stand.deliveries(run)).toMatchObject([{ attempts: 2 }]);
  const { received } = stand.receiver;
  expect(received.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
  expect(received[0]!.body).toBe(received[1]!.body);
  const acts = (await engine().entries(run)).filter(({ act }) => act.startsWith('result.'));
  expect(acts.map(({ act }) => act)).toEqual(['result.delivered']);
  await stand.it.verified(run);
});

test('whenever workers are killed, every milestone is told, and stands in custody once', { timeout: 240_000 }, async () => {
  const runs = await Promise.all(Array.from({ length: 5 }, () => stand.open()));
  for (let kills = 0; kills < 4; kills += 1) {
    const child = await worker();
    await sleep(100 + Math.random() * 900);
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await worker();
  for (const run of runs) {
    const all = await stand.until(run, (found) => found.length === 3 && found.every(({ state }) => state === 'delivered'), 60_000);
    const delivered = (await engine().entries(run)).filter(({ act }) => act === 'result.delivered').map(({ detail }) => detail['delivery']);
    expect([...delivered].sort()).toEqual(all.map(({ id }) => id).sort());
    const told = stand.receiver.received.map(({ headers }) => headers['webhook-id']);
    for (const { id } of all) expect(told).toContain(id);
    await stand.it.verified(run);
  }
  const bodies = new Map<unknown, Set<string>>();
  for (const { headers, body } of stand.receiver.received)
    bodies.set(headers['webhook-id'], (bodies.get(headers['webhook-id']) ?? new Set()).add(body));
  expect([...bodies.values()].every(({ size }) => size === 1)).toBe(true);
});
