import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { exportRuns } from '../../../cli/commands/export.js';
import { payloadFiles } from '../../../playbooks/bag/layout.js';
import { verifyBag } from '../../../playbooks/bag/verify-bag.js';
import { openFolder } from '../../../store/bag/folder-reader.js';
import { RedisEvidenceLife } from '../../../store/evidence-life.js';
import { keyRing } from '../../../store/public-keys.js';
import { SignedRuns } from '../../../store/signed-run.js';
import { fakeIo } from '../../unit/cli/fake-io.js';
import { withEngine } from '../engine/with-engine.js';
import { BagStand } from './bag-stand.js';

const engine = withEngine();
let stand: BagStand;
beforeEach(async () => {
  stand = await BagStand.create(engine());
});
afterEach(() => stand.close());

test.each([{ plain: true }, {}])('of destroyed evidence nothing is in a bag but what was signed of it: %j', async (form) => {
  const run = await stand.run();
  // It has the same content, which stays.
  await stand.run();
  const { redis, keys, custody, reader } = engine();
  const signed = new SignedRuns(redis, keys, keyRing(engine().folder));
  const life = new RedisEvidenceLife({ redis, keys, custody, reader, signed, evidence: stand.evidence, alert: () => undefined });
  await life.destroy(run, 'key:test', 'the law says so');
  const to = join(stand.folder, 'bag');
  await exportRuns(fakeIo(), await stand.client(), [run], { ...form, to });
  const names = await readdir(join(to, 'data'));
  for (const name of ['artifacts', 'artifacts.zip', 'report.json', 'report.html', 'timeline.csv']) expect(names).not.toContain(name);
  expect(await readFile(join(to, payloadFiles.artifacts), 'utf8')).toBe('');
  const missing = JSON.parse(await readFile(join(to, payloadFiles.missing), 'utf8')) as { subject: string; why: string }[];
  expect(missing.map(({ subject, why }) => `${why} ${subject}`).sort()).toEqual(
    ['report.html', 'report.json', 'report.md', 'timeline.csv'].map((name) => `destroyed data/${name}`),
  );
  expect(await readFile(join(to, payloadFiles.register), 'utf8')).toContain('evidence.destroyed');
  const bag = await openFolder(to);
  const { state, problems } = await verifyBag(bag);
  await bag.close();
  expect(problems).toEqual([]);
  expect(state).toBe('holds');
});
