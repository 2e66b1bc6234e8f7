/** A worker process that is slow to keep evidence, made to be killed: `node --import tsx late-worker.ts JSON`. Says `put` before it keeps anything. */
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { z } from 'zod';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import { keyRing } from '../../../store/public-keys.js';
import { redisEndpoint } from '../../../store/redis.js';
import { openSigner } from '../../../store/signing-key.js';
import { createRunner } from '../../../workers/runner/create-runner.js';
import { fakePorts } from './fake-ports.js';
import { latePlaybooks } from './late-playbook.js';

const optionsSchema = z.object({ socket: z.string(), prefix: z.string(), keys: z.string(), evidence: z.string() });
const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? ''));
const evidence = await createDiskEvidence(options.evidence);
const runner = createRunner({
  connection: redisEndpoint(options.socket),
  prefix: options.prefix,
  clusters: ['default'],
  playbooks: latePlaybooks,
  rules: [],
  ports: {
    ...fakePorts,
    // It never answers: the test gives the answers.
    intel: {
      source: 'test',
      lookup: (_sha256, signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
    },
    evidence: {
      ...evidence,
      async stage(...args) {
        process.stdout.write('put\n');
        await sleep(100);
        return evidence.stage(...args);
      },
    },
  },
  nodeSlots: 4,
  quotaLimits: {},
  logger: pino({ level: 'silent' }),
  signer: await openSigner(options.keys, 'worker'),
  trustedKeys: keyRing(options.keys),
  workerId: 'late',
  timings: {
    lockMs: 1_200,
    stalledMs: 300,
    reconcileMs: 1_000,
    parkMs: 100,
    retryDelayMs: 50,
    drainSeconds: 1,
    amendDebounceMs: 200,
    amendCheckMs: 1_000,
  },
});
await runner.start();
process.stdout.write('ready\n');
// The test has died: nobody is left to end this process.
process.stdin.once('close', () => process.exit(1)).resume();
