import { execFile } from 'node:child_process';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exportRuns } from '../../../cli/commands/export.js';
import type { EvidencePort } from '../../../playbooks/ports.js';
import { bagFiles } from '../../../store/bag/bag-files.js';
import { RedisBagSource } from '../../../store/bag/source.js';
import { RedisEvidenceActs } from '../../../store/evidence-acts.js';
import { fakeIo } from '../../unit/cli/fake-io.js';
import type { RunningCommand } from '../cli/command.js';
import { withEngine } from '../engine/with-engine.js';
import { BagStand } from './bag-stand.js';
import { verified } from './verified.js';

const sh = promisify(execFile);
const engine = withEngine();
let stand: BagStand;
let mounted: string | undefined;
beforeEach(async () => {
  stand = await BagStand.create(engine());
});
afterEach(async () => {
  if (mounted !== undefined) await sh('umount', [mounted]);
  mounted = undefined;
  await stand.close();
});

/** A disk with next to nothing on it. */
async function tinyDisk(): Promise<string> {
  const place = join(stand.folder, 'disk');
  await mkdir(place);
  await sh('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', place]);
  mounted = place;
  return place;
}

/** The stand's evidence, from a disk that gives little at a time. */
function slow(pauseMs: number): EvidencePort {
  const open: EvidencePort['open'] = async (sha256) => {
    const source = await stand.evidence.open(sha256);
    return Readable.from(
      (async function* () {
        for await (const chunk of source as AsyncIterable<Buffer>) {
          await sleep(pauseMs);
          yield chunk;
        }
      })(),
    );
  };
  return { ...stand.evidence, open };
}

/** The command once it has something on the disk. */
async function writing(run: string, to: string, words: readonly string[] = []): Promise<RunningCommand> {
  const command = await stand.start(['export', run, '--plain', '--to', to, ...words]);
  while (!(await hasBegun())) {
    if (command.child.exitCode !== null) throw new Error(`it has ended: ${command.said()}`);
    await sleep(10);
  }
  return command;
}

async function hasBegun(): Promise<boolean> {
  const paths = await readdir(stand.folder, { recursive: true });
  const sizes = await Promise.all(
    paths.map((path) =>
      stat(join(stand.folder, path)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return paths.some((path, at) => path.includes('.partial-') && (sizes[at] ?? 0) > 0);
}

test.each([{}, { zip: true }])('a full disk is told, and nothing is left on it: %j', async (form) => {
  const run = await stand.run();
  const disk = await tinyDisk();
  const exporting = exportRuns(fakeIo(), await stand.client(), [run], { ...form, plain: true, to: join(disk, 'bag') });
  await expect(exporting).rejects.toMatchObject({ code: 'store-full', message: expect.stringContaining('no space left') as string });
  expect(await readdir(disk)).toEqual([]);
});

test('a service that has no room for a part of the bag says so, and keeps nothing of it', async () => {
  const run = await stand.run();
  const client = await stand.client();
  const disk = await tinyDisk();
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = disk;
  try {
    const to = join(stand.folder, 'bag');
    await expect(exportRuns(fakeIo(), client, [run], { to })).rejects.toMatchObject({ code: 'store-full' });
    expect(stand.logged.join('')).toContain(`no space left in ${disk}`);
    expect(await readdir(stand.folder)).toEqual(['disk']);
    expect(await readdir(disk)).toEqual([]);
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
  }
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it, and nothing is left', async (signal) => {
  const run = await stand.run();
  await stand.api(slow(100));
  const command = await writing(run, join(stand.folder, 'bag'));
  command.child.kill(signal);
  expect(await command.outcome).toMatchObject({ code: 130, stdout: '' });
  expect(await readdir(stand.folder)).toEqual([]);
});

test('killed anywhere, it leaves no bag under the final name', async () => {
  const run = await stand.run();
  // The first may be killed in the middle or when all is done; of the last ones no bag can be whole for half a minute.
  for (const [round, pauseMs] of [10, 10, 10, 1_000, 1_000].entries()) {
    await stand.api(slow(pauseMs));
    const to = join(stand.folder, `bag-${round}`);
    const command = await writing(run, to, round % 2 === 0 ? [] : ['--zip']);
    await sleep(Math.random() * 500);
    command.child.kill('SIGKILL');
    const { code } = await command.outcome;
    const names = await readdir(stand.folder);
    const named = names.includes(`bag-${round}`);
    if (pauseMs === 1_000) expect([code, named]).toEqual([null, false]);
    // It may be killed after it has given the name: then what has it is whole.
    if (code === 0) expect(named).toBe(true);
    if (named) expect(await verified(to)).toMatchObject({ state: 'holds', problems: [] });
    for (const left of names) await rm(join(stand.folder, left), { recursive: true });
  }
});

test('a service that goes away leaves nothing behind', async () => {
  const run = await stand.run();
  const api = await stand.api(slow(100));
  const command = await writing(run, join(stand.folder, 'bag'));
  await api.stop(0);
  expect(await command.outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('broken off') as string });
  expect(await readdir(stand.folder)).toEqual([]);
});

test('a run that is changed while its bag is made ends in no bag', async () => {
  const run = await stand.run();
  const { redis, keys, custody, reader } = engine();
  const source = new RedisBagSource(redis, keys);
  const acts = new RedisEvidenceActs(custody, reader);
  const view = await reader.get(run);
  const seal = (contents: string): ReturnType<typeof acts.seal> => acts.seal(run, 'key:test', contents);
  const common = {
    run,
    request: view!.request,
    reports: [],
    destroyed: false,
    evidence: stand.evidence,
    keySet: {},
    seal,
    at: new Date(),
  };
  const { entries } = await source.now(run);
  const make = async (): Promise<number> => {
    let size = 0;
    for await (const { bytes } of bagFiles({ ...common, source, entries }, 'plain')) for await (const chunk of bytes) size += chunk.length;
    return size;
  };
  await acts.read(run, 'key:other', { what: 'report', format: 'json' });
  expect(await make()).toBeGreaterThan(0);
  await custody.append(run, [{ act: 'artifact.discarded', subject: 'x', detail: { reason: 'path-race' } }]);
  await expect(make()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('artifact.discarded') as string });
});
