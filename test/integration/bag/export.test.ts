import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { artifact } from '../../../cli/commands/artifact.js';
import { type ExportOptions, exportRuns } from '../../../cli/commands/export.js';
import { payloadFiles, tagFiles } from '../../../playbooks/bag/layout.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { fakeIo } from '../../unit/cli/fake-io.js';
import { withEngine } from '../engine/with-engine.js';
import { BagStand, hostileFiles } from './bag-stand.js';
import { verified } from './verified.js';

const sh = promisify(execFile);
const engine = withEngine();
let stand: BagStand;
beforeEach(async () => {
  stand = await BagStand.create(engine());
});
afterEach(() => stand.close());

const kept = hostileFiles.filter(({ left }) => left !== true).map(({ content }) => sha256Hex(content));

/** Exports in this process to a place in the stand's folder. */
async function exported(runs: readonly string[], options: ExportOptions = {}): Promise<string> {
  const to = join(stand.folder, 'bag');
  const io = fakeIo();
  expect(await exportRuns(io, await stand.client(), runs, { ...options, to })).toBe(0);
  expect(io.printed()).toBe(`${to}\n`);
  return to;
}

/** Exports, which must fail, and leave nothing. Gives the error. */
async function refused(run: string, options: ExportOptions = {}): Promise<unknown> {
  const to = join(stand.folder, 'refused');
  const error: unknown = await exportRuns(fakeIo(), await stand.client(), [run], { ...options, to }).catch((reason: unknown) => reason);
  expect((await readdir(stand.folder)).filter((name) => name.includes('refused'))).toEqual([]);
  return error;
}

function lines(text: string): string[] {
  return text.split('\n').slice(0, -1);
}

test('a folder that sha256sum finds whole, with all that the run has written down, and nothing but it', async () => {
  const run = await stand.run({ caseId: 'C-7\nPayload-Oxum: 0.0', examiner: 'Zoë', organisation: 'ACME' });
  const to = await exported([run], { plain: true });
  for (const manifest of [tagFiles.tagManifest, tagFiles.manifest]) await sh('sha256sum', ['--strict', '-c', manifest], { cwd: to });
  expect((await readdir(join(to, 'data/artifacts'))).filter((name) => kept.includes(name)).sort()).toEqual([...new Set(kept)].sort());

  const read = async (path: string): Promise<string[]> => lines(await readFile(join(to, path), 'utf8'));
  const entries = await engine().entries(run);
  const digests = (act: RegExp): unknown[] => entries.filter((entry) => act.test(entry.act)).map(({ detail }) => detail['record']);
  expect((await read(payloadFiles.artifacts)).map(sha256Hex).sort()).toEqual(digests(/^artifact\./).sort());
  expect((await read(payloadFiles.lookups)).map(sha256Hex).sort()).toEqual(digests(/^lookup\.answered$/).sort());
  const steps = (await read(payloadFiles.steps)).map((line) => JSON.parse(line) as { step: string; seq: number; record: string });
  expect(steps.map(({ step }) => step)).toEqual(['take-files', 'lookup-hashes', 'judge', 'write-report']);
  for (const { seq, record } of steps) expect(entries[seq]?.detail['record']).toBe(sha256Hex(record));
  expect(await read(payloadFiles.amendments)).toEqual([]);
  expect((await read(payloadFiles.register)).map((line) => (JSON.parse(line) as { act: string }).act)).toEqual(['run.opened', 'run.reported']);
  expect(await read(payloadFiles.custody)).toEqual(await engine().reader.custody(run, 0, 1_000));
  expect(entries.slice(-2)).toMatchObject([
    { act: 'evidence.read', actor: 'key:key-1', detail: { what: 'bag', format: 'tar' } },
    { act: 'run.checkpoint', actor: 'key:key-1', detail: { jws: (await read(payloadFiles.checkpoint))[0] } },
  ]);

  const info = await readFile(join(to, tagFiles.info), 'utf8');
  expect(info.match(/^Payload-Oxum: /gm)).toHaveLength(1);
  expect(info).toContain('Podtriage-Examiner: Zoë\n');
  expect(await verified(to)).toMatchObject({ state: 'holds', run });
});

test('only its owner can read it', async () => {
  const to = await exported([await stand.run()], { plain: true });
  const mode = async (path: string): Promise<number> => (await stat(join(to, path))).mode & 0o777;
  for (const folder of ['', 'data', 'data/artifacts']) expect(await mode(folder)).toBe(0o700);
  for (const file of [tagFiles.manifest, payloadFiles.custody, `data/artifacts/${kept[0] ?? ''}`]) expect(await mode(file)).toBe(0o400);
});

test('unless it is asked for plain, artifacts are in a zip that only its password opens', async () => {
  const to = await exported([await stand.run()]);
  expect(await readdir(join(to, 'data'))).not.toContain('artifacts');
  const archive = join(to, payloadFiles.artifactsZip);
  expect((await readFile(archive)).includes('m'.repeat(100))).toBe(false);
  await expect(sh('7z', ['t', '-pwrong', archive])).rejects.toThrow();
  const out = join(stand.folder, 'out');
  await sh('7z', ['x', '-pinfected', `-o${out}`, archive]);
  const names = await readdir(out);
  expect(names).toEqual(expect.arrayContaining(kept));
  for (const name of names) expect(sha256Hex(await readFile(join(out, name)))).toBe(name);
  expect(await verified(to)).toMatchObject({ state: 'holds' });
});

test('as one zip file it is the same bag', async () => {
  const run = await stand.run();
  const to = await exported([run], { zip: true });
  await sh('unzip', ['-t', to]);
  expect((await stat(to)).mode & 0o777).toBe(0o400);
  expect(await verified(to)).toMatchObject({ state: 'holds', run });
});

test('several runs are a folder of bags with an index', async () => {
  const runs = [await stand.run({ caseId: '=cmd|"x"' }), await stand.run()];
  const to = await exported(runs);
  expect((await readdir(to)).sort()).toEqual(['index.csv', 'index.json', ...runs.map((run) => `podtriage-${run}`)].sort());
  const manifest = async (run: string): Promise<string> => sha256Hex(await readFile(join(to, `podtriage-${run}`, tagFiles.manifest)));
  const index = JSON.parse(await readFile(join(to, 'index.json'), 'utf8')) as unknown;
  expect(index).toEqual([
    {
      run: runs[0],
      case: '=cmd|"x"',
      pod: 'default/shop/web-0',
      verdict: 'no-findings',
      bag: `podtriage-${runs[0] ?? ''}`,
      manifestSha256: await manifest(runs[0] ?? ''),
    },
    expect.objectContaining({ run: runs[1], case: null, manifestSha256: await manifest(runs[1] ?? '') }),
  ]);
  const csv = await readFile(join(to, 'index.csv'), 'utf8');
  expect(csv).toContain('run,case,pod,verdict,bag,manifest_sha256\r\n');
  expect(csv).toContain(`,"'=cmd|""x""",`);
});

test('one run that cannot be exported leaves none of several', async () => {
  const run = await stand.run();
  const to = join(stand.folder, 'all');
  await expect(exportRuns(fakeIo(), await stand.client(), [run, 'r404'], { to })).rejects.toMatchObject({ code: 'not-found' });
  expect(await readdir(stand.folder)).toEqual([]);
});

test('an amended report is there in all its versions', async () => {
  stand.source.hold(...kept);
  const run = await stand.open({ lookups: { deadlineSeconds: 0 } });
  await engine().ended(run);
  stand.source.release(...kept);
  const view = await engine().until(run, ({ reportVersion, pendingLookups }) => (reportVersion ?? 1) > 1 && pendingLookups === undefined);
  const to = await exported([run]);
  expect((await readdir(join(to, 'data/reports'))).length).toBe((view.reportVersion ?? 0) - 1);
  expect((await readdir(join(to, 'data/reports/1'))).sort()).toEqual(['report.html', 'report.json', 'report.md', 'timeline.csv']);
  const version = async (path: string): Promise<unknown> => (JSON.parse(await readFile(join(to, path), 'utf8')) as { version: unknown }).version;
  expect([await version('data/reports/1/report.json'), await version(payloadFiles.json)]).toEqual([1, view.reportVersion]);
  expect(await verified(to)).toMatchObject({ state: 'holds' });
});

test('what is there already is left as it is', async () => {
  const run = await stand.run();
  const client = await stand.client();
  for (const [name, make] of [['folder', mkdir] as const, ['file', (path: string) => writeFile(path, 'mine')] as const]) {
    const to = join(stand.folder, name);
    await make(to);
    for (const zip of [true, false]) await expect(exportRuns(fakeIo(), client, [run], { to, zip })).rejects.toMatchObject({ code: 'conflict' });
  }
  expect((await readdir(stand.folder)).sort()).toEqual(['file', 'folder']);
  expect(await readFile(join(stand.folder, 'file'), 'utf8')).toBe('mine');
});

test('the bag of a run that has not ended is not given', async () => {
  stand.source.hold(...kept);
  const run = await stand.open();
  await engine().until(run, ({ state }) => state === 'running');
  expect(await refused(run)).toMatchObject({ code: 'conflict', message: expect.stringContaining('wait until it has ended') as string });
  stand.source.release(...kept);
});

test('content that the store has lost is named in the bag, which is made all the same', async () => {
  const run = await stand.run();
  const lost = kept[0] ?? '';
  await stand.evidence.remove(lost);
  const to = await exported([run], { plain: true });
  const missing = JSON.parse(await readFile(join(to, payloadFiles.missing), 'utf8')) as unknown[];
  expect(missing).toEqual([{ sha256: lost, subject: expect.stringMatching(/^[0-9a-f]{32}$/) as string, why: 'lost' }]);
  expect(await readdir(join(to, 'data/artifacts'))).not.toContain(lost);
  await sh('sha256sum', ['--strict', '-c', tagFiles.manifest], { cwd: to });
});

test('content that the store has altered is no part of any bag', async () => {
  const run = await stand.run();
  const large = kept.at(-1) ?? '';
  const path = join(engine().folder, 'evidence/sha256', large.slice(0, 2), large.slice(2));
  await sh('chmod', ['600', path]);
  const bytes = await readFile(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(path, bytes);
  for (const options of [{}, { plain: true }, { zip: true }])
    expect(await refused(run, options)).toMatchObject({ code: expect.stringMatching(/internal|truncated/) as string });
  expect(stand.logged.join('')).toContain('store-corrupt');
  for (const type of ['application/zip', 'application/x-tar']) {
    const answer = await stand.get(`/api/v1/runs/${run}/bag?artifacts=plain`, { Accept: type });
    if (answer.ok) await expect(answer.arrayBuffer()).rejects.toThrow();
  }
});

test('one artifact is saved in a zip or as it is, by its id or sha256, and who read it is in custody', async () => {
  const run = await stand.run();
  const client = await stand.client();
  const sha256 = kept[0] ?? '';
  const { id } = (await engine().reader.artifacts(run)).find((each) => each.sha256 === sha256) ?? { id: '' };
  const to = (name: string): string => join(stand.folder, name);
  await artifact(fakeIo(), client, run, sha256, { to: to('zip') });
  await artifact(fakeIo(), client, run, id, { to: to('plain'), plain: true });
  expect(sha256Hex(await readFile(to('plain')))).toBe(sha256);
  await sh('7z', ['x', '-pinfected', `-o${to('out')}`, to('zip')]);
  expect(sha256Hex(await readFile(join(to('out'), sha256)))).toBe(sha256);
  const reads = (await engine().entries(run)).filter(({ act }) => act === 'evidence.read').map(({ detail }) => detail);
  expect(reads).toEqual([
    { what: 'artifact', sha256, format: 'zip' },
    { what: 'artifact', sha256, format: 'plain' },
  ]);
});

test('an artifact is given as what no browser shows or runs', async () => {
  const run = await stand.run();
  const answer = await stand.get(`/api/v1/runs/${run}/artifacts/${kept[0] ?? ''}/content?plain=true`);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'application/octet-stream',
    'content-disposition': `attachment; filename="${kept[0] ?? ''}"`,
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  });
  expect(sha256Hex(new Uint8Array(await answer.arrayBuffer()))).toBe(kept[0]);
});

test('of an artifact whose content is not to be had, the reason is told, and nobody is said to have read it', async () => {
  const run = await stand.run();
  const client = await stand.client();
  const left = sha256Hex('stays on the node');
  await stand.evidence.remove(kept[0] ?? '');
  const save = (name: string): Promise<number> => artifact(fakeIo(), client, run, name, { to: join(stand.folder, 'x') });
  await expect(save(left)).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('left on the node') as string });
  await expect(save(kept[0] ?? '')).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('does not have') as string });
  await expect(save('0'.repeat(64))).rejects.toMatchObject({ code: 'not-found', message: expect.stringContaining('no artifact') as string });
  expect(await readdir(stand.folder)).toEqual([]);
  expect((await engine().entries(run)).some(({ act }) => act === 'evidence.read')).toBe(false);
});
