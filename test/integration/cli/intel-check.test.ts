import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readConfig, type ServiceConfig } from '../../../cli/config.js';
import { checkIntel } from '../../../cli/intel-check.js';
import { workerConfig } from '../../../cli/worker-config.js';
import { keyId } from '../../../playbooks/domain/quota.js';
import { type Emulator, startVirusTotalEmulator } from '../../emulators/virustotal.js';
import { RedisChild } from '../engine/redis-child.js';

const signal = new AbortController().signal;
let server: RedisChild | undefined;
let emulator: Emulator | undefined;

beforeAll(async () => {
  server = await RedisChild.start();
});
beforeEach(async () => {
  emulator = await startVirusTotalEmulator({ keys: ['right-1', 'right-2', 'right-3'], known: new Map() });
});
afterEach(() => emulator?.close());
afterAll(() => server?.stop());

async function config(keys: string): Promise<ServiceConfig> {
  const folder = mkdtempSync(join(tmpdir(), 'pt-intel-'));
  const file = join(folder, 'keys');
  writeFileSync(file, keys, { mode: 0o600 });
  return readConfig({
    PODTRIAGE_DATA: folder,
    REDIS_URL: server?.socket,
    PODTRIAGE_VT_KEY_FILE: file,
    PODTRIAGE_VT_URL: emulator?.url,
    PODTRIAGE_VT_PER_MINUTE: '2',
  });
}

async function check(service: ServiceConfig) {
  return checkIntel(service, workerConfig(service), signal);
}

test('every key is tried, with a request that its ledger grants', async () => {
  const service = await config('right-1\nright-2\n');
  expect(await check(service)).toMatchObject({ ok: true, found: expect.stringContaining('all 2 keys') as string });
  expect(await check(service)).toMatchObject({ ok: true });
  const third = await check(service);
  expect(third).toMatchObject({ ok: 'warn', found: expect.stringContaining(`key ${keyId('right-1')} may not ask`) as string });
  expect(emulator?.requests).toMatchObject({ total: 4, overQuota: 0 });
});

test('a wrong key is named without being told, and is not tried again at once', async () => {
  const service = await config('right-3\nwrong-key\n');
  for (let times = 0; times < 2; times++) {
    const finding = await check(service);
    expect(finding).toMatchObject({ ok: false, found: expect.stringContaining(keyId('wrong-key')) as string });
    expect(JSON.stringify(finding)).not.toContain('wrong-key');
  }
  expect(emulator?.requests.perKey.get('wrong-key')).toBe(1);
});
