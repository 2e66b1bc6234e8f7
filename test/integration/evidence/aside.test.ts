import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Aside } from '../../../store/evidence/aside.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import type { EvidenceKeeper } from '../../../store/evidence/keeper.js';

const { signal } = new AbortController();
const data = Buffer.from('bytes of nobody');
let folder: string;
let store: EvidenceKeeper;
let sha256: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-aside-'));
  store = await createDiskEvidence(folder);
  ({ sha256 } = await store.put([data], signal));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const aside = (): string[] => readdirSync(join(folder, 'aside'));

/** Puts the file aside and dies there. */
async function leaveAside(): Promise<void> {
  let asked = 0;
  const dies = (): Promise<boolean> => ((asked += 1) === 1 ? Promise.resolve(true) : Promise.reject(new Error('killed')));
  await expect(store.remove(sha256, dies)).rejects.toThrow('killed');
  expect(aside()).toHaveLength(1);
}

test('bytes that nobody speaks for go, and leave nothing behind', async () => {
  await store.remove(sha256, () => Promise.resolve(true));
  expect(await store.has(sha256)).toBe(false);
  expect(aside()).toEqual([]);
  await expect(store.remove(sha256)).resolves.toBeUndefined();
});

test('bytes that are spoken for stay', async () => {
  await store.remove(sha256, () => Promise.resolve(false));
  expect(await store.check(sha256, signal)).toBe(true);
});

test('bytes that are put anew while they are on their way out have their place, whoever wakes up late', async () => {
  let asked = 0;
  const late = async (): Promise<boolean> => {
    asked += 1;
    if (asked === 2) expect(await store.put([data], signal)).toMatchObject({ existed: false });
    return asked === 1;
  };
  await store.remove(sha256, late);
  expect(await store.check(sha256, signal)).toBe(true);
  expect(aside()).toEqual([]);
});

test('who wakes up late and finds the mark lost gives the bytes back', async () => {
  let asked = 0;
  await store.remove(sha256, () => Promise.resolve((asked += 1) === 1));
  expect(asked).toBe(2);
  expect(await store.check(sha256, signal)).toBe(true);
  expect(aside()).toEqual([]);
});

test('what a process that died has left aside can be read, and is put back later', async () => {
  await leaveAside();
  expect(await buffer(await store.open(sha256))).toEqual(data);
  await store.putBack();
  expect(aside()).toHaveLength(1);
  await new Aside(folder).putBack(0);
  expect(aside()).toEqual([]);
  expect(await store.check(sha256, signal)).toBe(true);
});

test('the next one who removes it ends what was left aside, too: it cannot come back', async () => {
  await leaveAside();
  await store.remove(sha256);
  await new Aside(folder).putBack(0);
  expect(await store.has(sha256)).toBe(false);
  await expect(store.open(sha256)).rejects.toMatchObject({ code: 'not-found' });
});
