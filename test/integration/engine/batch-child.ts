/** One process of a batch test, made to be killed: `node --import tsx batch-child.ts JSON`. */
import { pino } from 'pino';
import { z } from 'zod';
import { keyRing } from '../../../store/public-keys.js';
import { redisEndpoint } from '../../../store/redis.js';
import { openSigner } from '../../../store/signing-key.js';
import { giveWay } from '../../../workers/background.js';
import { createRunner } from '../../../workers/runner/create-runner.js';
import { batchPlaybooks } from './batch-playbook.js';
import { batchPorts } from './batch-ports.js';
import { batchDoor } from './batch-stand.js';

const schema = z.object({
  role: z.enum(['api', 'worker']),
  id: z.string(),
  socket: z.string(),
  prefix: z.string(),
  keys: z.string(),
  folder: z.string(),
  latencyMs: z.number(),
  lockMs: z.number(),
  slots: z.number(),
});
const options = schema.parse(JSON.parse(process.argv[2] ?? ''));
const { prefix, latencyMs, lockMs, slots } = options;
const connection = redisEndpoint(options.socket);
const logger = pino({ level: 'silent' });

async function startWorker(): Promise<void> {
  giveWay(logger);
  const runner = createRunner({
    connection,
    prefix,
    clusters: ['default'],
    playbooks: batchPlaybooks,
    rules: [],
    ports: batchPorts(options.folder, latencyMs),
    nodeSlots: slots,
    quotaLimits: { perMinute: 1_000, perDay: 1_000_000, perMonth: 1_000_000 },
    concurrency: { cluster: 8, node: 8, intel: 4, evidence: 8 },
    logger,
    signer: await openSigner(options.keys, 'worker'),
    trustedKeys: keyRing(options.keys),
    workerId: options.id,
    timings: { lockMs, stalledMs: lockMs / 3, slotLeaseMs: lockMs, parkMs: 200, retryDelayMs: 50, graceMs: 1_000, drainSeconds: 1 },
  });
  await runner.start();
}

async function startDoor(): Promise<void> {
  const door = batchDoor({ endpoint: connection, prefix, signer: await openSigner(options.keys, 'api'), folder: options.keys });
  await door.dispatcher.start();
}

await (options.role === 'worker' ? startWorker() : startDoor());
process.stdout.write('ready\n');
// The test has died: nobody is left to end this process.
process.stdin.once('close', () => process.exit(1)).resume();
