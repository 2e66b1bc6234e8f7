import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { artifactId } from '../../../playbooks/domain/artifact.js';
import type { ContentFacts } from '../../../playbooks/domain/content.js';
import { lookupStatuses } from '../../../playbooks/domain/lookup.js';
import { type PackageFile, packageManagers } from '../../../playbooks/domain/package.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { type Evidence, judge } from '../../../playbooks/judgement/judge.js';
import { loadRules } from '../rules/load-rules.js';
import { artifactOf, at, change, executableOf, lookupOf, processOf } from './builders.js';

const rules = loadRules();
const later = '2025-01-03T03:04:05.000Z';

const path = fc
  .tuple(
    fc.constantFrom('tmp/', 'etc/nginx/', 'var/www/html/', 'etc/cron.d/', 'usr/bin/', 'var/log/'),
    fc.constantFrom('xmrig', 'a.php', 'app.log', 'app.log.1', 'ls ', '[kworker', 'x.jpg.sh', 'x'),
    fc.nat({ max: 3 }),
  )
  .map(([folder, name, number]) => `${folder}${number === 0 ? '' : `${number}/`}${name}`);

const file = fc.record({
  path,
  kind: fc.constantFrom('added' as const, 'changed' as const, 'deleted' as const),
  content: fc.constantFrom('elf' as const, 'script' as const, 'php' as const, 'text' as const, undefined),
  statuses: fc.array(fc.constantFrom(...lookupStatuses), { maxLength: 3 }),
  labels: fc.constantFrom('trojan.xmrig/miner', 'backdoor', undefined),
  ctime: fc.constantFrom(at, later, undefined),
  facts: fc.boolean(),
  manager: fc.constantFrom(...packageManagers, undefined),
});

const running = fc.record({
  pid: fc.integer({ min: 2, max: 9 }),
  path: fc.constantFrom('/tmp/x', '/usr/sbin/nginx'),
  name: fc.constantFrom('nginx', 'kworker/0:1'),
});

type Made = Required<Pick<Evidence, 'changes' | 'artifacts' | 'lookups' | 'processes' | 'content' | 'packages' | 'gaps' | 'failedSteps'>>;

function evidenceOf(files: readonly (typeof file extends fc.Arbitrary<infer T> ? T : never)[], processes: Evidence['processes'] = []): Made {
  const made = files.map((each) => {
    const { kind, ctime } = each;
    const row = change(each.path, { kind, ...(ctime === undefined ? {} : { ctime, mtime: at, mtimeBefore: at, sizeBefore: 20 }) });
    return { each, row, artifact: artifactOf(row, each.content ?? 'text') };
  });
  const taken = made.filter(({ each, row }) => each.content !== undefined && row.kind !== 'deleted');
  return {
    changes: made.map(({ row }) => row),
    artifacts: [...taken.map(({ artifact }) => artifact), ...processes.map((process) => executableOf(process))],
    lookups: taken.flatMap(({ each, artifact }) =>
      each.statuses.map((status, index) =>
        lookupOf(artifact, status, { source: `source-${index}`, ...(each.labels === undefined ? {} : { label: each.labels }) }),
      ),
    ),
    processes,
    content: taken.filter(({ each }) => each.facts).map(({ artifact }) => factsOf(artifact.sha256)),
    packages: taken.flatMap(({ each, row }): PackageFile[] => {
      if (each.manager === undefined) return [];
      const said = { package: 'tool', algorithm: 'md5' as const, digest: 'a'.repeat(32) };
      return [{ container: row.container, containerId: row.containerId, path: row.path, manager: each.manager, image: said }];
    }),
    gaps: [],
    failedSteps: [],
  };
}

function factsOf(sha256: string): ContentFacts {
  return { sha256, size: 10, type: 'text', entropy: 5, strings: [{ kind: 'pool', text: 'stratum+tcp://pool.example:3333' }], stringsCut: false };
}

describe('a verdict', () => {
  it('is the same to the byte, however its evidence is shuffled', () => {
    const shuffled = fc.record({
      files: fc.uniqueArray(file, { maxLength: 25, selector: (each) => each.path }),
      processes: fc.uniqueArray(running, { maxLength: 4, selector: ({ pid }) => pid }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(shuffled, ({ files, processes, seed }) => {
        const listed = processes.map(({ pid, path: program, name }) =>
          processOf(pid, program, { name: pathName(Buffer.from(name)), startedAt: pid === 2 ? at : later }),
        );
        const made = evidenceOf(files, listed);
        const turned = Object.fromEntries(Object.entries(made).map(([name, rows]) => [name, shuffle<unknown>(rows, seed)])) as unknown as Made;
        expect(JSON.stringify(judge({ ...turned, rules: shuffle(rules, seed) }))).toBe(JSON.stringify(judge({ ...made, rules })));
      }),
      { numRuns: 150 },
    );
  });

  it('takes the same artifact of several with one key', () => {
    const row = change('tmp/xmrig');
    const [one, two] = [artifactOf(row, 'elf'), artifactOf(row, 'elf', { id: artifactId('file', 'other'), sha256: 'f'.repeat(64) })];
    const judged = (artifacts: Evidence['artifacts']) => judge({ changes: [row], artifacts, lookups: [], rules, gaps: [], failedSteps: [] });
    expect(judged([one, two])).toEqual(judged([two, one]));
  });
});

/** A Fisher-Yates shuffle by a small generator of its own, so that a failure can be repeated. */
function shuffle<T>(rows: readonly T[], seed: number): T[] {
  const out = [...rows];
  let state = seed >>> 0;
  for (let last = out.length - 1; last > 0; last -= 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = state % (last + 1);
    [out[last], out[other]] = [out[other] as T, out[last] as T];
  }
  return out;
}
