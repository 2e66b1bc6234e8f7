import { readFile } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import type { Access, ApiDeps } from '../../api/deps.js';
import { OidcTokens } from '../../api/oidc.js';
import { oidcSchema } from '../../api/oidc-config.js';
import type { RequestLimit } from '../../api/rate-limit.js';
import { TriageError } from '../../playbooks/domain/error.js';
import { plainYaml } from '../../playbooks/yaml.js';
import { type KeyRing, RedisApiKeys } from '../../store/api-keys.js';
import { ensureLocalKey } from '../../store/api-keys-local.js';
import type { CustodyWriter } from '../../store/custody.js';
import { RedisGuesses } from '../../store/guesses.js';
import type { Keys } from '../../store/keys.js';
import { RedisLookupAskers } from '../../store/lookup-askers.js';
import { ofRedis } from '../../store/of-redis.js';
import type { SignedTexts } from '../../store/signed-text.js';
import type { ServiceConfig } from '../config.js';

/**
 * Who may come in: the holders of API keys, the local one among them, and what `accessOf` says. Throws `config-invalid`, `redis-unavailable`, and the
 * errors of the file system.
 */
export async function openAccess(
  config: ServiceConfig,
  { redis, keys, texts, custody }: { readonly redis: Redis; readonly keys: Keys; readonly texts: SignedTexts; readonly custody: CustodyWriter },
): Promise<Pick<ApiDeps, 'keys' | 'access'>> {
  const ring = new RedisApiKeys(redis, keys, texts, custody);
  await ensureLocalKey(ring, config.data.apiKeyFile);
  return { keys: ring, access: await accessOf(config, redis, keys, ring) };
}

/** Who may come in beside the holders of API keys, and how often. Throws `config-invalid` for a file PODTRIAGE_OIDC that is not right. */
export async function accessOf({ access }: Pick<ServiceConfig, 'access'>, redis: Redis, keys: Keys, ring: KeyRing): Promise<Access> {
  const { oidcFile, requestsPerMinute, proxies } = access;
  return {
    ring,
    guesses: new RedisGuesses(redis, keys),
    askers: new RedisLookupAskers(redis, keys),
    proxies,
    ...(oidcFile === undefined ? {} : { tokens: await readTokens(oidcFile) }),
    ...(requestsPerMinute === 0 ? {} : { limit: limitOf(requestsPerMinute, redis, keys) }),
  };
}

function limitOf(perMinute: number, redis: Redis, keys: Keys): RequestLimit {
  const run: RequestLimit['count']['run'] = (lua, key, windowMs) => ofRedis(() => redis.eval(lua, 1, key, windowMs) as ReturnType<typeof run>);
  return { perMinute, count: { prefix: keys.requests, run } };
}

async function readTokens(file: string): Promise<OidcTokens> {
  const invalid = (problem: string, cause?: unknown): TriageError =>
    new TriageError('config-invalid', `${file} (PODTRIAGE_OIDC): ${problem}`, { cause });
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw invalid('cannot be read', cause);
  });
  const parsed = oidcSchema.safeParse(plainYaml(text, invalid));
  if (parsed.success) return new OidcTokens(parsed.data);
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw invalid(`is not right:\n  ${problems.join('\n  ')}`);
}
