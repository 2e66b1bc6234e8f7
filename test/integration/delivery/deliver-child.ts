/** A worker process that tells endpoints, made to be killed: `node --import tsx deliver-child.ts JSON`. */
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { z } from 'zod';
import { parseEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import { keyRing } from '../../../store/public-keys.js';
import { redisEndpoint } from '../../../store/redis.js';
import { openSigner } from '../../../store/signing-key.js';
import { openEndpoints } from '../../../workers/adapters/delivery/open-endpoints.js';
import { createRunner } from '../../../workers/runner/create-runner.js';
import { fakePorts } from '../engine/fake-ports.js';
import { latePlaybooks } from '../engine/late-playbook.js';
import { LateSource } from '../engine/late-source.js';

const optionsSchema = z.object({ socket: z.string(), prefix: z.string(), keys: z.string(), evidence: z.string(), endpoints: z.string() });
const options = optionsSchema.parse(JSON.parse(process.argv[2] ?? ''));
const runner = createRunner({
  connection: redisEndpoint(options.socket),
  prefix: options.prefix,
  clusters: ['default'],
  playbooks: latePlaybooks,
  rules: [],
  ports: {
    ...fakePorts,
    intel: new LateSource(),
    evidence: await createDiskEvidence(options.evidence),
    endpoints: await openEndpoints(parseEndpoints(options.endpoints, await readFile(options.endpoints, 'utf8'))),
  },
  nodeSlots: 4,
  // A lookup that dies with its worker has spent its share: of four a minute, runs would wait for the next one.
  quotaLimits: { perMinute: 1_000, perDay: 1_000_000, perMonth: 1_000_000 },
  logger: pino({ level: 'silent' }),
  signer: await openSigner(options.keys, 'worker'),
  trustedKeys: keyRing(options.keys),
  workerId: 'child',
  timings: { lockMs: 1_200, stalledMs: 300, reconcileMs: 500, tellCheckMs: 500, parkMs: 100, retryDelayMs: 50, drainSeconds: 1 },
});
await runner.start();
process.stdout.write('ready\n');
// The test has died: nobody is left to end this process.
process.stdin.once('close', () => process.exit(1)).resume();
