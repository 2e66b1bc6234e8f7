import { expect, test } from 'vitest';
import { createS3Evidence } from '../../../store/evidence/s3.js';
import { S3Server } from '../../support/s3-server.js';
import { LateEngine } from './late-engine.js';
import { hashOf } from './late-playbook.js';
import { LateSource } from './late-source.js';
import { withEngine } from './with-engine.js';

const engine = withEngine();

test('a run whose evidence is in a bucket is judged, reported and amended as any other', async () => {
  const server = await S3Server.start();
  try {
    const evidence = await createS3Evidence(server.place({ prefix: 'runs/' }), server.staging);
    const source = new LateSource();
    const late = hashOf('p0');
    source.hold(late);
    const it = await LateEngine.create(engine(), source, evidence);
    await it.runner();
    const run = await it.open('few', { deadlineSeconds: 1 });
    expect(await engine().ended(run)).toMatchObject({ state: 'completed', verdict: 'inconclusive', reportVersion: 1 });
    source.release(late);
    const view = await engine().until(run, ({ reportVersion }) => reportVersion === 2, 20_000);
    expect(await it.report(view.amendments[0]!.report.json)).toMatchObject({ version: 2, completeness: 'full' });
    await it.verified(run);

    const { signal } = new AbortController();
    const names: string[] = [];
    for await (const name of evidence.all(signal)) names.push(name);
    expect(names.length).toBeGreaterThan(0);
    expect(await Promise.all(names.map((name) => evidence.check(name, signal)))).toEqual(names.map(() => true));
  } finally {
    await server.stop();
  }
});
