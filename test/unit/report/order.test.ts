import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReportInput } from '../../../playbooks/report/build.js';
import { reportMarkdown } from '../../../playbooks/report/markdown.js';
import { reportJson } from '../../../playbooks/report/model.js';
import { terminalReport } from '../../../playbooks/report/terminal.js';
import { change, processOf } from '../judgement/builders.js';
import { planted, reportOf, sampleRun } from './sample-run.js';

const some = [
  ...planted,
  ...['a', 'b', 'c'].map((name) => change(`var/lib/apt/lists/${name}`)),
  change('etc/passwd', { kind: 'changed', container: 'side', containerId: 'd'.repeat(64) }),
  change('etc/passwd', { kind: 'changed', instance: 'previous' }),
  change('x', { place: { kind: 'volume', volume: 'data', mountPath: '/data' }, kind: 'present' }),
];
const run = sampleRun(some, { processes: [processOf(10), processOf(9), processOf(100, '/tmp/x')] });
const content = run.artifacts.map(({ sha256, size }) => ({ sha256, size, type: 'text', entropy: 4, strings: [], stringsCut: false }));
const packages = run.artifacts.flatMap(({ source }) =>
  source === undefined
    ? []
    : [
        {
          container: source.container,
          containerId: source.containerId,
          path: source.path,
          manager: 'dpkg' as const,
          image: { package: 'p', algorithm: 'md5' as const, digest: '1'.repeat(32) },
        },
      ],
);

function all(input: ReportInput): string[] {
  const report = reportOf(input);
  return [reportJson(report), reportMarkdown(report), terminalReport(report).join('\n')];
}

const shuffled = <T>(rows: Iterable<T>) => {
  const list = [...rows];
  return fc.shuffledSubarray(list, { minLength: list.length });
};

describe('a report', () => {
  it('has the same bytes in whatever order its parts come', () => {
    const expected = all({ ...run, content, packages });
    const orders = fc.tuple(
      shuffled(run.changes),
      shuffled(run.artifacts),
      shuffled(run.lookups),
      shuffled(run.processes ?? []),
      shuffled(content),
      shuffled(packages),
    );
    fc.assert(
      fc.property(orders, ([changes, artifacts, lookups, processes, facts, files]) => {
        expect(all({ ...run, changes, artifacts, lookups, processes, content: facts, packages: files })).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });
});
