import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import supertest from 'supertest';
import type { ApiDeps } from '../../../api/deps.js';
import { readConfig } from '../../../cli/config.js';
import { accessOf } from '../../../cli/door/access.js';
import { type NewKey, RedisApiKeys } from '../../../store/api-keys.js';
import { CustodyWriter } from '../../../store/custody.js';
import { startEmbeddedRedis } from '../../../store/embedded-redis.js';
import { keysOf } from '../../../store/keys.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedTexts } from '../../../store/signed-text.js';
import { openSigner } from '../../../store/signing-key.js';
import { type Door, openDoor } from './door.js';

/** A door with real keys, limits and guesses in a real Redis, and fakes behind it. */
export interface RealAccess {
  readonly redis: Redis;
  /** For files of a test. */
  readonly folder: string;
  readonly ring: RedisApiKeys;
  /** @param env settings of access */
  open(env?: Readonly<Record<string, string>>, overrides?: Partial<ApiDeps>): Promise<Door>;
  /** The secret of a new key. */
  secretOf(key: Partial<NewKey>): Promise<string>;
  close(): Promise<void>;
}

export async function openRealAccess(): Promise<RealAccess> {
  const folder = await mkdtemp(join(tmpdir(), 'pt-access-'));
  const server = await startEmbeddedRedis({ dataDir: folder });
  const redis = new Redis({ path: server.address, maxRetriesPerRequest: 1 });
  redis.on('error', () => undefined);
  const keys = keysOf('{test}');
  const signed = join(folder, 'keys');
  const signer = await openSigner(signed, 'api');
  const texts = new SignedTexts(signer, keyRing(signed), ({ message }) => expectNoAlert(message));
  const ring = new RedisApiKeys(redis, keys, texts, new CustodyWriter(redis, keys, signer, 'api'));
  return {
    redis,
    folder,
    ring,
    async open(env = {}, overrides = {}) {
      const config = await readConfig({ PODTRIAGE_DATA: folder, PODTRIAGE_REQUESTS_PER_MINUTE: '0', ...env });
      return openDoor({ keys: ring, access: await accessOf(config, redis, keys, ring), storeTimeoutMs: 2_000, ...overrides });
    },
    secretOf: async (key) => (await ring.create({ name: 'test', scopes: ['admin'], reach: 'all', ...key }, 'key:test')).secret,
    async close() {
      redis.disconnect();
      await server.stop();
      await rm(folder, { recursive: true });
    },
  };
}

function expectNoAlert(message: string): never {
  throw new Error(`nothing was to be refused: ${message}`);
}

/** Asks for a path with a credential, from an address that a proxy tells. */
export function ask({ app }: Door, secret: string, path = '/api/v1/runs', from?: string): supertest.Test {
  const request = supertest(app).get(path).set('Authorization', `Bearer ${secret}`);
  return from === undefined ? request : request.set('X-Forwarded-For', from);
}
