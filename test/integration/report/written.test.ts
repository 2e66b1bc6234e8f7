import { expect, test } from 'vitest';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import type { Facts } from '../../../playbooks/facts.js';
import { reportHtml } from '../../../playbooks/report/html/page.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { reportSchema } from '../../../playbooks/report/model.js';
import { schemaProblems } from '../../unit/report/report-validator.js';
import { readStrictly } from '../../unit/report/strict-html.js';
import { LateEngine } from '../engine/late-engine.js';
import { hashOf } from '../engine/late-playbook.js';
import { LateSource } from '../engine/late-source.js';
import { withEngine } from '../engine/with-engine.js';

const engine = withEngine();
type Forms = Omit<Facts['report'], 'version'>;

async function stand(): Promise<{ it: LateEngine; source: LateSource; read: (sha256: string) => Promise<string> }> {
  const source = new LateSource();
  const it = await LateEngine.create(engine(), source);
  const read = async (sha256: string): Promise<string> => {
    const chunks: Buffer[] = [];
    for await (const chunk of await it.evidence.open(sha256)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  };
  return { it, source, read };
}

async function reported(run: string): Promise<Facts['report']> {
  return (await engine().reader.records(run)).get('write-report')?.facts['report'] as Facts['report'];
}

async function names(run: string): Promise<Record<string, string>> {
  const artifacts = (await engine().reader.artifacts(run)).filter(({ kind }) => kind === 'report');
  return Object.fromEntries(artifacts.map(({ name, sha256 }) => [name ?? '', sha256]));
}

test('a run writes its report in four forms, which say the same', async () => {
  const { it, read } = await stand();
  await it.runner();
  const run = await it.open('few');
  await engine().ended(run);
  const { version, ...forms } = await reported(run);
  expect(version).toBe(1);
  expect(await names(run)).toEqual({
    'report.json': forms.json,
    'report.md': forms.markdown,
    'report.html': forms.html,
    'timeline.csv': forms.timeline,
  });
  const written = (await engine().entries(run)).find(({ act }) => act === 'report.written');
  expect(written?.detail).toEqual({ ...forms, version: 1 });

  const json: unknown = JSON.parse(await read(forms.json));
  expect(schemaProblems(json)).toEqual([]);
  const report = reportSchema.parse(json);
  expect(report.schemaVersion).toBe('2.0.0');
  expect(await read(forms.markdown)).toBe(reportMarkdown(report));
  expect(await read(forms.html)).toBe(reportHtml(report));
  readStrictly(await read(forms.html));

  const csv = await read(forms.timeline);
  expect(csv.split('\r\n')).toHaveLength(report.timeline.total + 2);
  expect(report.timeline).toMatchObject({ complete: true, listing: forms.timeline });
  const acts = report.timeline.rows.map(({ what }) => what);
  expect(acts[0]).toBe('run requested');
  expect(acts).toEqual(expect.arrayContaining(['step take started', 'step take finished', 'recorded 3 answers about hashes', 'step judge finished']));
  for (const { entry } of report.timeline.rows) expect(entry).toBeLessThan(report.custody.entries);
});

test('who examines, and for whom, is in all forms', async () => {
  const { it, read } = await stand();
  await it.runner();
  const run = await it.commander.open({ ...(await request(it)), caseId: 'IR-9', examiner: 'R. Roe', organisation: 'CERT <example>' }, 'test');
  await engine().ended(run);
  const forms = await reported(run);
  expect(JSON.parse(await read(forms.json))).toMatchObject({ run: { caseId: 'IR-9', examiner: 'R. Roe', organisation: 'CERT <example>' } });
  for (const text of [await read(forms.markdown), await read(forms.html)]) {
    expect(text).toContain('R. Roe');
    expect(text).toContain('CERT &lt;example&gt;');
  }
});

async function request(it: LateEngine) {
  const view = await engine().ended(await it.open('few'));
  return view.request;
}

test('a later version stands beside the first, which stays as it was', async () => {
  const { it, source, read } = await stand();
  const [, second, third] = [0, 1, 2].map((at) => hashOf(`p${at}`)).sort() as [string, string, string];
  source.hold(second, third);
  await it.runner();
  const run = await it.open('few', { deadlineSeconds: 1 });
  await engine().ended(run);
  const first = await reported(run);
  const digests = [first.json, first.markdown, first.html, first.timeline];
  const before = await Promise.all(digests.map(read));
  source.release(second, third);
  const view = await engine().until(run, ({ reportVersion }) => reportVersion === 2, 20_000);
  const forms = view.amendments[0]?.report as Forms;
  expect(await names(run)).toMatchObject({
    'report.json': first.json,
    'timeline.csv': first.timeline,
    'report-2.json': forms.json,
    'report-2.md': forms.markdown,
    'report-2.html': forms.html,
    'report-2.timeline.csv': forms.timeline,
  });
  expect(schemaProblems(JSON.parse(await read(forms.json)))).toEqual([]);
  expect(readStrictly(await read(forms.html)).text).toContain('Version 2: 2 answers came after the first report');
  expect(await read(forms.timeline)).toContain('report written');
  const after = await Promise.all(digests.map(read));
  expect(after).toEqual(before);
  expect(after.map((text) => sha256Hex(text))).toEqual(digests);
});
