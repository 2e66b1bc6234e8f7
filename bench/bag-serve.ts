import { once } from 'node:events';
import express from 'express';
import { setCaller } from '../api/caller.js';
import { bagRoutes } from '../api/routes/bag.js';
import { startApi } from '../api/server.js';
import { RedisBagSource } from '../store/bag/source.js';
import { CustodyWriter } from '../store/custody.js';
import { createDiskEvidence } from '../store/evidence/disk.js';
import { RedisEvidenceActs } from '../store/evidence-acts.js';
import { keysOf } from '../store/keys.js';
import { PublicKeys } from '../store/public-keys.js';
import { connectRedis, redisEndpoint } from '../store/redis.js';
import { RedisRunReader } from '../store/run-reader.js';
import { openSigner } from '../store/signing-key.js';

/** Serves bags, prints where, and when stdin ends, the most memory that it had, in MiB: SOCKET PREFIX KEYS EVIDENCE. */
const [socket = '', prefix = '', folder = '', evidence = ''] = process.argv.slice(2);
const redis = connectRedis(redisEndpoint(socket));
const keys = keysOf(prefix);
const runs = new RedisRunReader(redis, keys);
const app = express();
app.use((req, _res, next) => {
  setCaller(req, { actor: 'key:bench', scopes: ['admin'], reach: 'all' });
  next();
});
app.use(
  bagRoutes({
    runs,
    bags: new RedisBagSource(redis, keys),
    evidence: await createDiskEvidence(evidence),
    acts: new RedisEvidenceActs(new CustodyWriter(redis, keys, await openSigner(folder, 'api'), 'api'), runs),
    publicKeys: () => new PublicKeys(folder).all(),
  }),
);
const api = await startApi(app, '127.0.0.1', 0);
process.stdout.write(`${api.url}\n`);
process.stdin.resume();
await once(process.stdin, 'end');
await api.stop(0);
redis.disconnect();
// In KiB (getrusage(2)).
process.stdout.write(`${Math.round(process.resourceUsage().maxRSS / 1024)}\n`);
