import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportJson, reportSchema, reportSchemaVersion } from '../../../playbooks/report/model.js';
import { reportJsonSchema } from '../../../playbooks/report/schema.js';
import { packageRoot } from '../../../store/package-root.js';
import { hostileNames, hostileRun } from './hostile-run.js';
import { schemaProblems } from './report-validator.js';
import { reportOf, sampleRun } from './sample-run.js';

const file = join(packageRoot(), 'docs', 'report.schema.json');
const text = `${JSON.stringify(reportJsonSchema(), null, 2)}\n`;
if (process.env['WRITE_SCHEMA'] !== undefined) writeFileSync(file, text);

describe('the published schema', () => {
  it('is that of the code', () => {
    const how = 'write it anew: WRITE_SCHEMA=1 npx vitest run --project unit test/unit/report/schema.test.ts; and see whether its version must rise';
    expect(readFileSync(file, 'utf8'), how).toBe(text);
  });

  it('has a name that leads nowhere and says its version', () => {
    expect(reportJsonSchema()['$id']).toBe(`urn:podtriage:schema:report:${reportSchemaVersion}`);
    expect(reportSchemaVersion).toMatch(/^2\.\d+\.\d+$/);
  });

  it.each([
    ['a sample', sampleRun()],
    ['a run without anything', { ...sampleRun([]), board: {} }],
    ['a later version', sampleRun(undefined, { version: 2, amended: { answered: 1, verdictBefore: 'suspicious' } })],
    ...hostileNames.map((name) => [JSON.stringify(name), hostileRun(`tmp/${name}`, name)] as const),
  ] as const)('fits the report of %s, every field of it named', (_what, run) => {
    expect(schemaProblems(JSON.parse(reportJson(reportOf(run))))).toEqual([]);
  });

  it.each([
    ['an old version', { schemaVersion: 1 }],
    ['a later one that may mean something else', { schemaVersion: '3.0.0' }],
    ['a report without its timeline', { timeline: undefined }],
    ['a wrong hash', { timeline: { total: 0, complete: true, listing: 'x', rows: [] } }],
    ['a word that is no verdict', { verdict: { level: 'clean', headline: '', findingCount: 0, techniques: [] } }],
  ])('refuses %s', (_what, change) => {
    expect(schemaProblems(JSON.parse(JSON.stringify({ ...reportOf(sampleRun()), ...change })))).not.toEqual([]);
  });

  it('lets a later minor version have more, and so does the code', () => {
    const later = { ...reportOf(sampleRun()), schemaVersion: '2.7.0', extra: true };
    expect(schemaProblems(later, 'published')).toEqual([]);
    expect(reportSchema.parse(later)).not.toHaveProperty('extra');
  });
});
