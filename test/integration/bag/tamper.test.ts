import type { KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verification } from '../../../playbooks/bag/verification.js';
import { verifyBag } from '../../../playbooks/bag/verify-bag.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { openFolder } from '../../../store/bag/folder-reader.js';
import { openZip } from '../../../store/bag/zip-reader.js';
import { Engine } from '../engine/engine.js';
import { RedisChild } from '../engine/redis-child.js';
import { Attacker, type ForgerKey, forgerKey } from './attacker.js';
import { BagStand } from './bag-stand.js';
import { makeBag } from './made-bags.js';
import { rawZip } from './raw-zip.js';
import { replays, signedFalsely, strangers } from './signed-cases.js';
import { artifactEdits, chainEdits, type Found, fileEdits, flippedBits, recordEdits, type TamperCase } from './tamper-cases.js';
import { entriesOf, zipCases, zippedCases } from './zip-cases.js';

const files = [
  { name: 'tmp/miner', content: `\x7fELF${'m'.repeat(500)}` },
  { name: '../../etc/cron.d/x\n', content: 'evil' },
  { name: 'tmp/empty', content: '' },
  { name: 'tmp/left', content: 'stays on the node', left: true },
];

const hashes = files.map(({ content }) => sha256Hex(content));

let server: RedisChild;
let engine: Engine;
let stand: BagStand;
const folder = mkdtempSync(join(tmpdir(), 'pt-tamper-'));
const bags = new Map<string, Attacker>();
let cases = 0;

beforeAll(async () => {
  server = await RedisChild.start();
  engine = await Engine.create(server);
  stand = await BagStand.create(engine, files);
  // Nobody has an answer yet about what these two ask.
  stand.source.hold(...hashes);
  await keep('cancelled', await makeBag(stand, await cancelled(), 'cancelled', 'plain'));
  await keep('amended', await makeBag(stand, await amended(), 'amended', 'plain'));
  const run = await stand.run();
  await makeBag(stand, run, 'first', 'plain');
  await keep('plain', await makeBag(stand, run, 'plain', 'plain'));
  await keep('encrypted', await makeBag(stand, run, 'encrypted', 'encrypted'));
});
afterAll(async () => {
  await stand.close();
  await engine.stop();
  await server.stop();
  rmSync(folder, { recursive: true });
});

/** A run whose report has a second version, as its answers came late. */
async function amended(): Promise<string> {
  const run = await stand.open({ lookups: { deadlineSeconds: 0 } });
  await engine.ended(run);
  stand.source.release(...hashes);
  await engine.until(run, ({ reportVersion, pendingLookups }) => (reportVersion ?? 1) > 1 && pendingLookups === undefined);
  return run;
}

/** A run that was stopped while it waited for answers. */
async function cancelled(): Promise<string> {
  const run = await stand.open();
  await engine.until(run, ({ waitingFor }) => waitingFor?.for === 'quota');
  await engine.commander.cancel(run, 'key:test');
  expect((await engine.ended(run)).state).toBe('cancelled');
  return run;
}

async function keep(kind: string, path: string): Promise<void> {
  const found = await check(path);
  expect([found.state, found.problems]).toEqual(['holds', []]);
  bags.set(kind, Attacker.of(path, join(folder, `base-${kind}`)));
}

async function check(path: string, pinned?: ReadonlyMap<string, KeyObject>): Promise<Verification> {
  const bag = await (statSync(path).isDirectory() ? openFolder(path) : openZip(path));
  try {
    return await verifyBag(bag, pinned === undefined ? {} : { pinned });
  } finally {
    await bag.close();
  }
}

/** What is wrong with what was found, if anything. */
function missing(name: string, found: readonly Found[], { state, problems }: Verification): string | undefined {
  const named = problems.some(({ where }) => found.some(({ file, seq }) => where.file === file && (seq === undefined || where.seq === seq)));
  if (state === 'broken' && named) return undefined;
  return `${name}: ${state}, ${problems.map(({ where, what }) => `${where.file}#${where.seq ?? ''} ${what}`).join(' | ')}`;
}

/** @param form makes of the folder what is then verified */
async function allFound(generated: Iterable<TamperCase>, base: Attacker, form = (attacker: Attacker): string => attacker.folder): Promise<void> {
  const missed: string[] = [];
  for (const { name, found, tamper } of generated) {
    cases += 1;
    const path = join(folder, `case-${cases}`);
    const attacker = Attacker.of(base.folder, path);
    await tamper(attacker);
    const problem = missing(name, found, await check(form(attacker)));
    if (problem !== undefined) missed.push(problem);
    rmSync(path, { recursive: true });
  }
  expect(missed).toEqual([]);
}

/** The keys of the service itself. */
function owner(kid: string): ForgerKey {
  const keys = [engine.signer, engine.workerSigner];
  const found = keys.find((key) => key.kid === kid);
  if (found === undefined) throw new Error(`no key ${kid}`);
  return found;
}

const families: Readonly<Record<string, (base: Attacker) => Iterable<TamperCase>>> = {
  flippedBits,
  chainEdits,
  fileEdits,
  recordEdits,
  replays,
  signedFalsely: () => signedFalsely(owner),
};

describe.each([
  ['plain', ['flippedBits', 'chainEdits', 'recordEdits', 'replays', 'signedFalsely']],
  ['encrypted', ['flippedBits', 'fileEdits', 'replays']],
  ['amended', ['flippedBits', 'fileEdits', 'recordEdits', 'signedFalsely']],
  ['cancelled', ['flippedBits', 'chainEdits', 'signedFalsely']],
])('a bag that is %s', (kind, names) => {
  test.each(names)('all of %s are found at their place', async (name) => {
    const base = bags.get(kind)!;
    await allFound(families[name]!(base), base);
  });
});

describe('a bag in a zip', () => {
  test('holds, however it was zipped', async () => {
    const base = bags.get('encrypted')!;
    const path = join(folder, 'whole.zip');
    for (const top of ['podtriage-x', 'renamed']) {
      writeFileSync(path, rawZip(entriesOf(base, top)));
      const { state, problems } = await check(path);
      expect([state, problems]).toEqual(['holds', []]);
    }
  });

  test('all that an archive can hide is found at its place', async () => {
    const missed: string[] = [];
    for (const { name, found, zip } of zipCases(bags.get('encrypted')!)) {
      cases += 1;
      const path = join(folder, `case-${cases}.zip`);
      writeFileSync(path, await zip());
      const problem = missing(name, found, await check(path));
      if (problem !== undefined) missed.push(problem);
    }
    expect(missed).toEqual([]);
  });

  test('all that was done before it was zipped is found at its place', async () => {
    const base = bags.get('plain')!;
    await allFound(zippedCases(base), base, (attacker) => {
      const path = `${attacker.folder}.zip`;
      writeFileSync(path, rawZip(entriesOf(attacker, 'bag')));
      return path;
    });
  });
});

test('artifacts that change places are found', async () => {
  const base = bags.get('plain')!;
  await allFound(artifactEdits(base), base);
});

test('a chain signed anew by a stranger is consistent, and never passes for ours', async () => {
  const base = bags.get('plain')!;
  const pinned = new Map([engine.signer, engine.workerSigner].map((key) => [key.kid, key.publicKey]));
  const stranger = forgerKey();
  for (const { seq, tamper } of strangers(stranger, base, owner)) {
    cases += 1;
    const path = join(folder, `stranger-${seq}`);
    await tamper(Attacker.of(base.folder, path));
    const alone = await check(path);
    expect([alone.state, alone.pinned, alone.problems]).toEqual(['holds', false, []]);
    expect(alone.signers).toContainEqual(expect.objectContaining({ kid: stranger.kid, pinned: false }));
    const trusted = await check(path, pinned);
    expect(trusted.state).toBe('broken');
    expect(trusted.problems[0]).toMatchObject({ check: 'keys', where: { file: 'data/custody.ndjson', seq } });
  }
  const own = await check(base.folder, pinned);
  expect([own.state, own.pinned, own.signers.every((signer) => signer.pinned)]).toEqual(['holds', true, true]);
});

test('these were enough cases', () => {
  expect(cases).toBeGreaterThanOrEqual(800);
});
