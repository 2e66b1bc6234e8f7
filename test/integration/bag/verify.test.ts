import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { verify } from '../../../cli/commands/verify.js';
import { fakeIo } from '../../unit/cli/fake-io.js';
import { withEngine } from '../engine/with-engine.js';
import { BagStand } from './bag-stand.js';
import { makeBag } from './made-bags.js';

const engine = withEngine();
let stand: BagStand;
beforeEach(async () => {
  stand = await BagStand.create(engine());
});
afterEach(() => stand.close());

async function verified(...what: [string, ...string[]]): Promise<{ code: number; printed: string }> {
  const io = fakeIo();
  const [path, ...key] = what;
  return { code: await verify(io, () => Promise.reject(new Error('no service is needed')), path, { key }), printed: io.printed() };
}

test('bags of every form hold, with the keys of the service or without, and all is told', async () => {
  const run = await stand.run();
  const paths = [
    await makeBag(stand, run, 'plain', 'plain'),
    await makeBag(stand, run, 'encrypted', 'encrypted'),
    await makeBag(stand, run, 'bag.zip', 'encrypted', 'zip'),
  ];
  const keys = [stand.engine.signer, stand.engine.workerSigner].map(({ kid, publicKey }) => {
    const file = join(stand.folder, `${kid}.pem`);
    writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
    return file;
  });
  for (const path of paths) {
    const { code, printed } = await verified(path);
    expect([code, printed]).toEqual([0, expect.stringContaining(`${path} (run ${run}) holds\n`)]);
    expect(printed).toMatch(/sealed up to entry \d+ at 20.*; the newest checkpoint covers entries up to \d+ .*; the chain ends at entry \d+/);
    expect(printed).toContain('consistent, signer not pinned');
    expect(printed).toContain('of 1 artifacts policy left the content on the node');
    expect((await verified(path, ...keys)).printed).toContain('every signer is one of the keys that you trust');
    const half = await verified(path, keys[0]!);
    expect([half.code, half.printed]).toEqual([1, expect.stringContaining('which is not one of those that you trust')]);
  }
});

test('a folder of bags holds if all its bags do, and all of the index are there', async () => {
  const run = await stand.run();
  const folder = join(stand.folder, 'bags');
  mkdirSync(folder);
  const index = (...bags: string[]): void => writeFileSync(join(folder, 'index.json'), JSON.stringify(bags.map((bag) => ({ bag }))));
  await makeBag(stand, run, `bags/podtriage-${run}`, 'plain');
  index(`podtriage-${run}`);
  expect(await verified(folder)).toMatchObject({ code: 0 });
  index(`podtriage-${run}`, 'podtriage-other.zip');
  expect(await verified(folder)).toEqual({ code: 1, printed: expect.stringContaining('is in the index, and is not there') as string });
});

test('an index that is a FIFO does not keep anybody waiting', async () => {
  const path = await makeBag(stand, await stand.run(), 'bag', 'plain');
  execFileSync('mkfifo', [join(path, 'index.json')]);
  expect(await verified(path)).toEqual({ code: 1, printed: expect.stringContaining('index.json: is neither a file nor a folder') as string });
});

test('what has been made of a name or a key in a bag does nothing to the terminal', async () => {
  const path = await makeBag(stand, await stand.run(), 'bag', 'plain');
  writeFileSync(join(path, 'data', 'x\x1b[2J\u202e'), 'x');
  const { code, printed } = await verified(path);
  expect([code, printed]).toEqual([1, expect.stringContaining('data/x\\x1b[2J')]);
  expect(printed).not.toMatch(/[\x1b\u202e]/);
});
