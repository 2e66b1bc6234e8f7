import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../../store/package-root.js';
import { Engine } from '../engine/engine.js';
import { RedisChild } from '../engine/redis-child.js';
import { Attacker } from './attacker.js';
import { BagStand } from './bag-stand.js';
import { makeBag } from './made-bags.js';

const run = promisify(execFile);
const cache = process.env['PODTRIAGE_LAB'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'podtriage-lab');
const python = join(cache, 'bin', 'bag-python');
const script = join(packageRoot(), 'test/support/verify_signatures.py');

let server: RedisChild;
let engine: Engine;
let stand: BagStand;
let plain: string;
let encrypted: string;
let zipped: string;
beforeAll(async () => {
  if (!existsSync(python)) throw new Error(`there is no ${python}; run: test/lab/lab build tests`);
  server = await RedisChild.start();
  engine = await Engine.create(server);
  stand = await BagStand.create(engine);
  const id = await stand.run();
  plain = await makeBag(stand, id, 'plain', 'plain');
  encrypted = await makeBag(stand, id, 'encrypted', 'encrypted');
  zipped = await makeBag(stand, id, 'bag.zip', 'encrypted', 'zip');
});
afterAll(async () => {
  await stand.close();
  await engine.stop();
  await server.stop();
});

test('the bagit validator takes bags as valid, and not one with another file', async () => {
  for (const bag of [plain, encrypted]) await run(python, ['-m', 'bagit', '--validate', bag]);
  const attacker = Attacker.of(plain, join(stand.folder, 'more'));
  attacker.write('data/more', 'more');
  await expect(run(python, ['-m', 'bagit', '--validate', attacker.folder])).rejects.toThrow();
});

test('hashes and signatures of entries and checkpoints verify with another library', async () => {
  const lines = (file: string): Promise<number> => readFile(join(plain, file), 'utf8').then((text) => text.trimEnd().split('\n').length);
  const { stdout } = await run(python, [script, plain]);
  expect(stdout).toBe(`${await lines('data/custody.ndjson')} ${await lines('data/register.ndjson')} 2\n`);
  const attacker = Attacker.of(plain, join(stand.folder, 'altered'));
  attacker.edit('data/custody.ndjson', (text) => text.replace('"actor":"', '"actor":"x'));
  await expect(run(python, [script, attacker.folder])).rejects.toThrow();
});

test('7z opens the archive of artifacts with the password, and the bag that is a zip', async () => {
  const archive = join(encrypted, 'data/artifacts.zip');
  expect((await run('7z', ['t', '-pinfected', archive])).stdout).toContain('Everything is Ok');
  await expect(run('7z', ['t', '-pwrong', archive])).rejects.toThrow();
  expect((await run('7z', ['t', zipped])).stdout).toContain('Everything is Ok');
});

test('a zip that 7z has unpacked is the same bag', async () => {
  const to = join(stand.folder, 'unpacked');
  await run('7z', ['x', `-o${to}`, zipped]);
  const { stdout } = await run('sh', [
    '-c',
    'cd "$0"/podtriage-* && sha256sum -c --quiet manifest-sha256.txt && sha256sum -c --quiet tagmanifest-sha256.txt',
    to,
  ]);
  expect(stdout).toBe('');
});
