import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { TriageError } from '../playbooks/domain/error.js';
import type { RedisApiKeys } from './api-keys.js';
import type { ApiKey } from './api-keys-record.js';

/** Who makes the local key. */
const maker = 'api';

/**
 * Sees to it that `file` (mode 0600) holds a key that works, which may do all. Makes a new one when file or record is missing;
 * the key that it replaces works no longer. Throws `redis-unavailable` and the errors of the file system.
 */
export async function ensureLocalKey(keys: RedisApiKeys, file: string): Promise<ApiKey> {
  const secret = await readSecret(file);
  const holder = secret === undefined ? undefined : await holderOf(keys, secret);
  if (holder !== undefined) {
    await chmod(file, 0o600);
    return holder;
  }
  const name = `local ${hostname()} ${file}`;
  for (const before of await keys.list()) if (before.name === name && before.createdBy === maker) await keys.revoke(before.id, maker);
  const { id, scopes, reach, secret: made } = await keys.create({ name, scopes: ['admin'], reach: 'all' }, maker);
  const draft = `${file}.${id}`;
  await writeFile(draft, `${made}\n`, { mode: 0o600, flag: 'wx' });
  await rename(draft, file);
  return { id, name, scopes, reach };
}

async function holderOf(keys: RedisApiKeys, secret: string): Promise<ApiKey | undefined> {
  try {
    return await keys.verify(secret);
  } catch (error) {
    // It has expired.
    if (error instanceof TriageError && error.code === 'unauthorized') return undefined;
    throw error;
  }
}

async function readSecret(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
