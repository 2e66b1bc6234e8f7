import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { readEndpoints, workerEndpoints } from '../../../cli/endpoints-config.js';
import { noEndpoints } from '../../../playbooks/delivery/endpoints.js';
import { openEndpoints } from '../../../workers/adapters/delivery/open-endpoints.js';

const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
let folder: string;
let file: string;
let config: { endpoints: { file: string } };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-endpoints-'));
  file = join(folder, 'endpoints.yaml');
  config = { endpoints: { file } };
});
beforeEach(async () => {
  await writeFile(file, 'endpoints: [{ name: soar, kind: webhook, url: "https://hooks.example/", secretFile: soar-secret }]');
  await writeFile(join(folder, 'soar-secret'), secret);
  await chmod(join(folder, 'soar-secret'), 0o600);
});
afterAll(() => rm(folder, { recursive: true }));

it('is none without the file, and then workers tell nobody', async () => {
  expect(await readEndpoints({ endpoints: { file: undefined } })).toEqual(noEndpoints);
  expect(await workerEndpoints({ endpoints: { file: undefined } })).toEqual({});
});

it('finds secrets beside the file, and opens them for workers', async () => {
  const { endpoints } = await workerEndpoints(config);
  expect(endpoints?.endpoints).toMatchObject([{ name: 'soar', secretFile: join(folder, 'soar-secret') }]);
  expect([...(await openEndpoints(endpoints!)).keys()]).toEqual(['soar']);
  expect(JSON.stringify(endpoints)).not.toContain(secret);
});

it('needs no secret where only names and reach are wanted', async () => {
  await rm(join(folder, 'soar-secret'));
  expect((await readEndpoints(config)).endpoints).toMatchObject([{ name: 'soar' }]);
  await expect(workerEndpoints(config)).rejects.toThrow(`endpoint "soar" secretFile: there is no file ${join(folder, 'soar-secret')}`);
});

it('refuses a secret that everybody can read, and one that is none, without saying it', async () => {
  await chmod(join(folder, 'soar-secret'), 0o644);
  await expect(workerEndpoints(config)).rejects.toThrow(/endpoint "soar" secretFile: everybody can read/);
  await chmod(join(folder, 'soar-secret'), 0o600);
  await writeFile(join(folder, 'soar-secret'), 'hush-hush');
  const opening = workerEndpoints(config).then(({ endpoints }) => openEndpoints(endpoints!));
  await expect(opening).rejects.toThrow(/PODTRIAGE_ENDPOINTS: endpoint "soar" secretFile: .*each line must be whsec_/);
  await expect(opening).rejects.not.toThrow(/hush/);
});

it.each([
  ['one that is not there', undefined, 'cannot be read'],
  ['one with a mistake in it', 'endpoints: [{ name: soar, kind: webhook, url: "ftp://hooks.example/", secretFile: s }]', 'endpoints.0.url'],
])('names the file and the field of %s', async (_what, text, said) => {
  if (text === undefined) await rm(file);
  else await writeFile(file, text);
  await expect(readEndpoints(config)).rejects.toThrow(`PODTRIAGE_ENDPOINTS: ${file}`);
  await expect(readEndpoints(config)).rejects.toThrow(said);
});
