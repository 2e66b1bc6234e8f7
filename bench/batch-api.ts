/** The API of the batch bench in a process of its own, with what opens the runs of batches: `batch-api.ts JSON`; prints where it listens. */
import { z } from 'zod';
import { startApi } from '../api/server.js';
import { keysOf } from '../store/keys.js';
import { connectRedis, redisEndpoint } from '../store/redis.js';
import { RedisRunReader } from '../store/run-reader.js';
import { openSigner } from '../store/signing-key.js';
import { openDoor } from '../test/integration/api/door.js';
import { batchPlaybooks } from '../test/integration/engine/batch-playbook.js';
import { batchDoor } from '../test/integration/engine/batch-stand.js';

const {
  socket,
  prefix,
  keys: folder,
} = z.object({ socket: z.string(), prefix: z.string(), keys: z.string() }).parse(JSON.parse(process.argv[2] ?? ''));
const endpoint = redisEndpoint(socket);
const signer = await openSigner(folder, 'api');
const door = batchDoor({ endpoint, prefix, signer, folder }, { tickMs: 2_000, gatherMs: 50, leaseMs: 10_000 });
await door.dispatcher.start();
const { app } = openDoor({
  runs: new RedisRunReader(connectRedis(endpoint), keysOf(prefix)),
  // One for both, as in the service: two writers of one process would be in each other's way at the register.
  commander: door.commander,
  batches: door.office,
  maxBatchPods: 10_000,
  playbooks: [...batchPlaybooks.values()].map(({ name, title, summary, sha256 }) => ({ name, title, summary, sha256, steps: [], permissions: [] })),
  storeTimeoutMs: 30_000,
});
const { url } = await startApi(app, '127.0.0.1', 0);
process.stdout.write(`${url}\n`);
// The bench has died: nobody is left to end this process.
process.stdin.once('close', () => process.exit(1)).resume();
