/** A worker process for the engine tests, made to be killed: `node --import tsx worker.ts JSON`. */
import { pino } from 'pino';
import type { IntelPort } from '../../../playbooks/ports.js';
import { keyRing } from '../../../store/public-keys.js';
import { redisEndpoint } from '../../../store/redis.js';
import { openSigner } from '../../../store/signing-key.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import { createRunner } from '../../../workers/runner/create-runner.js';
import { fakePorts } from './fake-ports.js';
import { syntheticPlaybooks } from './synthetic.js';
import { workerOptionsSchema } from './worker-options.js';

const options = workerOptionsSchema.parse(JSON.parse(process.argv[2] ?? ''));
const { virusTotal } = options;
// The clock of Redis is moved by days: an answer must outlive that.
const monthSeconds = 40 * 86_400;
const signer = await openSigner(options.keys, 'worker');
const runner = createRunner({
  connection: redisEndpoint(options.socket),
  prefix: options.prefix,
  clusters: ['default'],
  playbooks: syntheticPlaybooks,
  rules: [],
  ports: virusTotal === undefined ? fakePorts : { ...fakePorts, intel: intelOf(virusTotal) },
  nodeSlots: options.nodeSlots,
  quotaLimits: virusTotal?.limits ?? { perMinute: 1_000, perDay: 1_000_000, perMonth: 1_000_000 },
  ...(virusTotal === undefined
    ? {}
    : { quotaTimes: { windowMs: virusTotal.windowMs }, answerTtls: { found: monthSeconds, unknown: monthSeconds, error: 60 } }),
  concurrency: { cluster: 6, node: 6, intel: 6, evidence: 6 },
  logger: pino({ level: 'info' }),
  signer,
  trustedKeys: keyRing(options.keys),
  workerId: options.id,
  timings: {
    lockMs: options.lockMs,
    stalledMs: options.stalledMs,
    slotLeaseMs: options.lockMs,
    reconcileMs: 1_000,
    parkMs: 200,
    retryDelayMs: 50,
    graceMs: 1_000,
    drainSeconds: 1,
  },
});
function intelOf({ url, apiKey, limits }: NonNullable<typeof virusTotal>): IntelPort {
  return createVirusTotal({ url, apiKeys: [{ key: apiKey, limits }] });
}

await runner.start();
process.stdout.write(`${JSON.stringify({ ready: true })}\n`);
// The test has died: nobody is left to end this process.
process.stdin.once('close', () => process.exit(1)).resume();
process.once('SIGTERM', () => {
  void runner.stop(5_000).then(() => process.exit(0));
});
