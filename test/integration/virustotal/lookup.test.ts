import { afterEach, describe, expect, it } from 'vitest';
import type { TriageError } from '../../../playbooks/domain/error.js';
import { keyId } from '../../../playbooks/domain/quota.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import { type Emulator, type EmulatorOptions, startVirusTotalEmulator } from '../../emulators/virustotal.js';

const key = 'k'.repeat(64);
const miner = 'a'.repeat(64);
const stranger = 'b'.repeat(64);
const known = new Map([[miner, { name: 'xmrig', malicious: 60, undetected: 12, label: 'miner.xmrig/linux' }]]);
const signal = new AbortController().signal;
let emulator: Emulator | undefined;

afterEach(async () => {
  await emulator?.close();
  emulator = undefined;
});

async function setUp(options: Partial<EmulatorOptions> = {}, apiKey = key) {
  emulator = await startVirusTotalEmulator({ keys: [key], known, ...options });
  return { emulator, intel: createVirusTotal({ url: emulator.url, apiKeys: [{ key: apiKey, limits: {} }], timeoutMs: 5_000 }) };
}

async function failure(promise: Promise<unknown>): Promise<TriageError> {
  return promise.then(
    () => {
      throw new Error('expected a failure');
    },
    (error: unknown) => error as TriageError,
  );
}

describe('asking VirusTotal', () => {
  it('finds known malware and keeps the whole answer', async () => {
    const { intel } = await setUp();
    const answer = await intel.lookup(miner, signal);
    expect(answer.lookup).toMatchObject({ status: 'detected', source: 'virustotal', label: 'miner.xmrig/linux' });
    expect(JSON.parse(Buffer.from(answer.raw ?? []).toString())).toHaveProperty('data.attributes.last_analysis_stats.malicious', 60);
  });

  it('says unknown, not harmless, of a file that was never seen', async () => {
    const { intel } = await setUp();
    expect((await intel.lookup(stranger, signal)).lookup).toMatchObject({ status: 'unknown' });
  });

  it('tells a used-up minute from an answer, and works again after it', async () => {
    let now = Date.UTC(2025, 0, 1);
    const { intel, emulator: running } = await setUp({ perMinute: 2, clock: () => now });
    await intel.lookup(miner, signal);
    now += 30_000;
    await intel.lookup(stranger, signal);
    now += 29_999;
    expect((await failure(intel.lookup(stranger, signal))).code).toBe('intel-quota');
    now += 1;
    expect((await intel.lookup(miner, signal)).lookup.status).toBe('detected');
    expect(running.requests).toMatchObject({ total: 4, overQuota: 1 });
    expect(running.requests.perHash.get(miner)).toBe(2);
  });

  it.each([{ perDay: 1 }, { perMonth: 1 }])('tells a used-up day or month from an answer: %o', async (limits) => {
    const { intel } = await setUp({ perMinute: 100, ...limits });
    await intel.lookup(miner, signal);
    expect((await failure(intel.lookup(miner, signal))).code).toBe('intel-quota');
  });

  it('is unavailable while VirusTotal is, and answers afterwards', async () => {
    const { intel, emulator: running } = await setUp();
    running.outage(true);
    expect((await failure(intel.lookup(miner, signal))).code).toBe('intel-unavailable');
    running.outage(false);
    expect((await intel.lookup(miner, signal)).lookup.status).toBe('detected');
  });

  it('names the key file, never the key, when the key is refused', async () => {
    const wrong = `wrong${'w'.repeat(59)}`;
    const { intel, emulator: running } = await setUp({}, wrong);
    const error = await failure(intel.lookup(miner, signal));
    expect(error.code).toBe('intel-unauthorized');
    expect(error.message).toContain('PODTRIAGE_VT_KEY_FILE');
    expect(running.requests.perKey.get(wrong)).toBe(1);
    expect(JSON.stringify(error) + String(error.stack)).not.toContain(wrong);
  });
});

describe('asking VirusTotal for its quota', () => {
  it('gets what is allowed and used for the key that asks', async () => {
    const { intel, emulator: running } = await setUp({ perDay: 600 });
    await intel.lookup(miner, signal);
    const said = await intel.quota?.(keyId(key), signal);
    expect(said).toEqual({ hour: { allowed: 240, used: 2 }, day: { allowed: 600, used: 2 }, month: { allowed: 15_500, used: 2 } });
    expect(Object.fromEntries(running.requests.perKeyAndPath)).toEqual({
      [`${key} /api/v3/files/${miner}`]: 1,
      [`${key} /api/v3/users/{id}/overall_quotas`]: 1,
    });
  });

  it('takes a refusal of that question for no answer, and one of the key for what it is', async () => {
    const { intel } = await setUp({ summaryForbidden: true });
    expect(await intel.quota?.(keyId(key), signal)).toBeUndefined();
    const wrong = await setUp({}, 'wrong-key');
    expect((await failure(wrong.intel.quota?.(keyId('wrong-key'), signal) ?? Promise.resolve())).code).toBe('intel-unauthorized');
  });

  it('finds the API below an address with and without its path', async () => {
    const { emulator: running } = await setUp();
    for (const url of [running.url, `${running.url}/api/v3`, `${running.url}/api/v3/`]) {
      const intel = createVirusTotal({ url, apiKeys: [{ key, limits: {} }] });
      expect((await intel.lookup(miner, signal)).lookup.status).toBe('detected');
    }
  });
});

describe('the emulator, for other processes', () => {
  it('counts requests and switches outages over HTTP', async () => {
    const { intel, emulator: running } = await setUp();
    await intel.lookup(miner, signal);
    await fetch(`${running.url}/admin/outage?on=true`, { method: 'POST' });
    expect((await failure(intel.lookup(miner, signal))).code).toBe('intel-unavailable');
    await fetch(`${running.url}/admin/outage?on=false`, { method: 'POST' });
    const counts = await (await fetch(`${running.url}/admin/requests`)).json();
    expect(counts).toMatchObject({
      total: 2,
      perHash: { [miner]: 2 },
      perKey: { [key]: 2 },
      perKeyAndPath: { [`${key} /api/v3/files/${miner}`]: 2 },
    });
  });

  it('asks for a key as VirusTotal does', async () => {
    const { emulator: running } = await setUp();
    const response = await fetch(`${running.url}/api/v3/files/${miner}`);
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual({ error: { code: 'AuthenticationRequiredError', message: 'X-Apikey header is missing' } });
  });
});
