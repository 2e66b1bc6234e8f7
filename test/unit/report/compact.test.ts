import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeJson } from '../../../cli/io.js';
import { lookupStatuses } from '../../../playbooks/domain/lookup.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { verdictLevels } from '../../../playbooks/domain/verdict.js';
import { compactOf, compactSchema, maxCompactBytes } from '../../../playbooks/report/compact.js';
import type { Report } from '../../../playbooks/report/model.js';
import { reportOf, sampleRun } from './sample-run.js';

const report = reportOf(sampleRun());
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const huge = Number.MAX_SAFE_INTEGER;

describe('the summary for orchestrators', () => {
  it('tells verdict, findings, counts and where the rest is', () => {
    expect(compactOf(report)).toMatchObject({
      run: 'run-1',
      reportVersion: 1,
      target: { cluster: 'default', namespace: 'shop', pod: 'web-0' },
      verdict: 'malicious',
      headline: report.summary[0],
      completeness: 'full',
      counts: { changes: 5, files: 3, processes: 0, lookups: { detected: 1, unknown: 2 } },
      pending: 0,
      links: { run: '/api/v1/runs/run-1', report: '/api/v1/runs/run-1/report', artifacts: '/api/v1/runs/run-1/artifacts' },
    });
    const [first] = compactOf(report).findings;
    expect(first).toMatchObject({ rule: 'lookup-detected', level: 'malicious', where: '/tmp/xmrig', sha256: report.findings[0]?.sha256 });
    expect(compactOf(report).findings.length).toBeLessThanOrEqual(5);
  });

  it('says of a later version which it is', () => {
    const amended = reportOf({ ...sampleRun(), version: 2, amended: { answered: 1, verdictBefore: 'inconclusive' } });
    expect(compactOf(amended)).toMatchObject({ reportVersion: 2, headline: expect.stringMatching(/^Version 2: 1 answer came/) as string });
  });

  it('marks what was cut', () => {
    const path = pathName(Buffer.from('x'.repeat(1_000)));
    const findings = report.findings.slice(0, 1).map((finding) => ({ ...finding, subject: { ...finding.subject!, path } }));
    expect(compactOf({ ...report, findings }).findings[0]?.where).toMatch(/^\/x{126}\.\.\.$/);
  });

  it('is below 4 KiB and safe to print, whatever the suspect writes and however much there is', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 3_000 }),
      fc.constantFrom('"', '\\', '\u{1f600}', '\ud800', '\u0000', 'ÿ', '日', 'a', '\u202e').map((unit) => unit.repeat(2_000)),
      fc.uint8Array({ maxLength: 2_000 }).map((bytes) => pathName(bytes).text),
    );
    const finding = fc.record({
      rule: text,
      title: text,
      level: fc.constant('suspicious' as const),
      weight: fc.constant(100),
      subject: fc.record({
        container: text,
        containerId: text,
        place: fc.oneof(fc.constant({ kind: 'rootfs' as const }), fc.record({ kind: fc.constant('volume' as const), volume: text, mountPath: text })),
        path: fc.record({ b64: fc.constant('eA=='), text }),
      }),
      sha256: fc.constant('f'.repeat(64)),
      evidence: text,
      techniques: fc.array(text, { maxLength: 10 }),
    });
    const hostile = fc.record({ id: text, pod: text, headline: text, findings: fc.array(finding, { minLength: 5, maxLength: 8 }) });
    fc.assert(
      fc.property(hostile, fc.constantFrom(...verdictLevels), ({ id, pod, headline, findings }, level) => {
        const counts: Report['counts'] = {
          changes: { total: huge, added: huge, changed: huge, deleted: huge, present: huge },
          files: { total: huge, bytes: huge, known: huge, left: huge, unstable: huge },
          processes: { total: huge, fileless: huge },
          lookups: Object.fromEntries([...lookupStatuses, headline].map((status) => [status, huge])),
        };
        const compact = compactOf({
          ...report,
          version: huge,
          run: { ...report.run, id, target: { cluster: pod, namespace: pod, pod } },
          summary: [headline, '', ''],
          verdict: { ...report.verdict, level, findingCount: huge },
          completeness: 'partial',
          findings,
          counts,
        });
        expect(Buffer.byteLength(JSON.stringify(compact))).toBeLessThan(maxCompactBytes);
        expect(safeJson(compact, 0).length).toBeLessThan(maxCompactBytes);
        expect(JSON.stringify(compact)).not.toMatch(unsafe);
        expect(compactSchema.parse(JSON.parse(JSON.stringify(compact)))).toEqual(compact);
      }),
      { numRuns: 200 },
    );
  });
});
