import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Stager } from '../../../store/evidence/stager.js';
import { TemporaryFolder } from '../../../store/evidence/temporary-folder.js';
import { Turns } from '../../../store/evidence/turns.js';
import { until } from '../../support/wait.js';

const signal = new AbortController().signal;
const day = 24 * 3_600_000;
let folder: string;
let temporary: TemporaryFolder;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podtriage-staging-'));
  temporary = await TemporaryFolder.open(folder);
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

test('a store that stays open for days removes once a day what a killed process has left', async () => {
  const left = join(folder, 'left');
  writeFileSync(left, '');
  temporary.next();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + day + 60_000 });
  const young = temporary.next();
  writeFileSync(young, '');
  utimesSync(young, new Date(), new Date());
  await until(() => readdirSync(folder).length === 1);
  expect(join(folder, readdirSync(folder)[0] ?? '')).toBe(young);
});

test('more bytes than a store takes in one file are refused by name of the limit, and none stay', async () => {
  const kept: string[] = [];
  const keep = ({ sha256 }: { sha256: string }): Promise<boolean> => Promise.resolve(kept.push(sha256) < 0);
  const stager = new Stager(temporary, { small: keep, large: keep, maxBytes: 200_000 });
  await expect(stager.put([Buffer.alloc(150_000), Buffer.alloc(50_001)], signal)).rejects.toMatchObject({
    code: 'limit-exceeded',
    message: expect.stringContaining('200000 bytes') as string,
  });
  expect([kept, readdirSync(folder)]).toEqual([[], []]);
  await expect(stager.put([Buffer.alloc(150_000), Buffer.alloc(50_000)], signal)).resolves.toMatchObject({ size: 200_000 });
});

test('bytes that are kept and then discarded with others leave memory once: it holds no more than it may afterwards', async () => {
  const sink = { small: () => Promise.resolve(false), large: () => Promise.resolve(false) };
  const stager = new Stager(temporary, sink);
  const file = (): Promise<{ keep(): Promise<unknown>; discard(): Promise<void> }> => stager.stage([Buffer.alloc(60_000)], signal);
  for (let at = 0; at < 300; at += 1) {
    const staged = await file();
    await staged.keep();
    await staged.discard();
  }
  // 16 MiB stay in memory, and what comes after them is a file.
  for (let at = 0; at < 280; at += 1) await file();
  expect(readdirSync(folder)).toHaveLength(1);
});

test('acts take turns: so many at a time, in the order in which they came, and one that fails gives its turn away', async () => {
  const turns = new Turns(2);
  const order: number[] = [];
  let now = 0;
  let most = 0;
  const acts = Array.from({ length: 10 }, (_, index) =>
    turns.run(async () => {
      order.push(index);
      now += 1;
      most = Math.max(most, now);
      await new Promise((resolve) => setImmediate(resolve));
      now -= 1;
      if (index % 3 === 0) throw new Error('fails');
    }),
  );
  const settled = await Promise.allSettled(acts);
  expect(settled.filter(({ status }) => status === 'rejected')).toHaveLength(4);
  expect([most, order]).toEqual([2, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
});
