import { expect, test } from 'vitest';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { StepRecord } from '../../../playbooks/domain/run.js';
import { failed, StepNotes, skipped, succeeded } from '../../../workers/runner/outcome.js';
import { milestonesOf, sealOf } from '../../../workers/runner/summary.js';

const times = { attempt: 1, startedAt: '2026-01-01T00:00:00.000Z', finishedAt: '2026-01-01T00:00:01.000Z' };
const sha256 = 'a'.repeat(64);
const changes = { sha256, count: 0, added: 0, changed: 0, deleted: 0, present: 0, method: 'overlay' as const, first: [] };
const good = succeeded(times, { changes }, new StepNotes());
const report = succeeded(times, { report: { json: sha256, markdown: sha256, html: sha256, timeline: sha256, version: 1 } }, new StepNotes());

function seal(records: Record<string, StepRecord>, closing: StepRecord): ReturnType<typeof sealOf> {
  return sealOf(new Map(Object.entries({ ...records, report: closing })), closing, []);
}

test('a run with a listing of changes and a report is completed and full', () => {
  expect(seal({ diff: good }, report)).toMatchObject({ final: 'completed', fields: { completeness: 'full', reportWritten: times.finishedAt } });
});

test('a gap, a skipped or a failed step makes it partial; a limit does not', () => {
  const notes = new StepNotes();
  notes.limit({ subject: 'x', reason: 'too large' });
  expect(seal({ diff: succeeded(times, { changes }, notes) }, report).fields).toMatchObject({ completeness: 'full' });
  notes.gap({ subject: 'x', reason: 'gone' });
  expect(seal({ diff: succeeded(times, { changes }, notes) }, report).fields).toMatchObject({ completeness: 'partial' });
  expect(seal({ diff: good, more: skipped(times, 'needs-missing', '') }, report).fields).toMatchObject({ completeness: 'partial' });
});

test('without usable evidence, or without a report, it has failed and says why', () => {
  const failure = failed(times, new Error('no\u001b[31m such pod'));
  expect(seal({ locate: failure }, report)).toMatchObject({
    final: 'failed',
    fields: { error: expect.stringContaining('no\\\\x1b[31m such pod') as string },
  });
  expect(seal({}, report).final).toBe('failed');
  expect(seal({ diff: good }, failed(times, new Error('disk full')))).toMatchObject({
    final: 'failed',
    fields: { error: expect.stringContaining('disk full') as string },
  });
});

test('a completed run says what cut it short where that may pass, and no other', () => {
  const away = failed(times, new TriageError('node-unreachable', 'node-a is away'));
  const refused = failed(times, new TriageError('permission-denied', 'no'));
  const cutShort = JSON.stringify({ code: 'node-unreachable', message: 'node-a is away' });
  expect(seal({ diff: good, packages: refused, export: away }, report).fields).toMatchObject({ completeness: 'partial', cutShort });
  expect(seal({ diff: good, export: refused }, report).fields).not.toHaveProperty('cutShort');
  expect(seal({ export: away }, report).fields).not.toHaveProperty('cutShort');
  expect(sealOf(new Map(Object.entries({ diff: good, export: away })), report, [], true).fields).not.toHaveProperty('cutShort');
});

test('milestones come from what a step wrote', () => {
  const artifacts = { sha256, count: 0, bytes: 0, stored: 0, known: 0, left: 0, method: 'node' as const };
  expect(milestonesOf(succeeded(times, { artifacts }, new StepNotes()), false)).toEqual({ acquisitionFinished: times.finishedAt });
  expect(milestonesOf(good, false)).toEqual({});
  expect(milestonesOf(failed(times, new Error('x')), true)).toEqual({});
});

test('a thousand gaps are kept, and more are counted', () => {
  const notes = new StepNotes();
  for (let at = 0; at < 1_500; at++) notes.gap({ subject: String(at), reason: 'gone' });
  const { gaps } = notes.lists();
  expect(gaps).toHaveLength(1_000);
  expect(gaps.at(-1)?.reason).toBe('501 more are not listed');
});
