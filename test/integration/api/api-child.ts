/** An API process on a real Redis, made to be killed: `node --import tsx api-child.ts JSON`. Says its address in a line. */
import { z } from 'zod';
import { startApi } from '../../../api/server.js';
import { CustodyWriter } from '../../../store/custody.js';
import { RedisRequestClaims } from '../../../store/idempotency.js';
import { keysOf } from '../../../store/keys.js';
import { keyRing } from '../../../store/public-keys.js';
import { Queues } from '../../../store/queues.js';
import { connectRedis, redisEndpoint } from '../../../store/redis.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import { RedisRunReader } from '../../../store/run-reader.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { openSigner } from '../../../store/signing-key.js';
import { syntheticPlaybooks } from '../engine/synthetic.js';
import { openDoor } from './door.js';

const options = z.object({ socket: z.string(), prefix: z.string(), keys: z.string(), leaseMs: z.int() }).parse(JSON.parse(process.argv[2] ?? ''));
const endpoint = redisEndpoint(options.socket);
const redis = connectRedis(endpoint);
const keys = keysOf(options.prefix);
const signer = await openSigner(options.keys, 'api');
const custody = new CustodyWriter(redis, keys, signer, 'api');
const brief = { name: 'brief', title: 'Brief', summary: 'Does little.', sha256: '0'.repeat(64), steps: [], permissions: [] };
const { app } = openDoor({
  runs: new RedisRunReader(redis, keys),
  commander: new RedisRunCommander({ redis, keys, custody, queues: new Queues(endpoint, options.prefix), playbooks: syntheticPlaybooks }),
  claims: new RedisRequestClaims(redis, keys, new SignedTexts(signer, keyRing(options.keys), () => undefined), options.leaseMs),
  playbooks: [brief],
  storeTimeoutMs: 10_000,
});
const { url } = await startApi(app, '127.0.0.1', 0);
process.stdout.write(`${url}\n`);
// The test has died: nobody is left to end this process.
process.stdin.once('close', () => process.exit(1)).resume();
