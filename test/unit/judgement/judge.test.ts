import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Artifact } from '../../../playbooks/domain/artifact.js';
import type { Change } from '../../../playbooks/domain/change.js';
import { verdictSchema } from '../../../playbooks/domain/verdict.js';
import { maxFactBytes } from '../../../playbooks/facts.js';
import { type Evidence, judge } from '../../../playbooks/judgement/judge.js';
import { loadRules } from '../rules/load-rules.js';
import { artifactOf, change, lookupOf, processOf } from './builders.js';

const rules = loadRules();
type Row = readonly [change: Change, content: Artifact['content'] | undefined, status: Parameters<typeof lookupOf>[1] | undefined];

function evidence(rows: readonly Row[], extra: Partial<Evidence> = {}): Evidence {
  const taken = rows.flatMap(([each, content, status]) => (content === undefined ? [] : [{ artifact: artifactOf(each, content), status }]));
  return {
    changes: rows.map(([each]) => each),
    artifacts: taken.map(({ artifact }) => artifact),
    lookups: taken.flatMap(({ artifact, status }) => (status === undefined ? [] : [lookupOf(artifact, status)])),
    rules,
    gaps: [],
    failedSteps: [],
    ...extra,
  };
}

const miner = change('tmp/xmrig', { mode: '0755' });
const shell = change('var/www/html/shell.php');
const nginx = change('etc/nginx/nginx.conf', { kind: 'changed' });
const log = change('var/log/app.log', { kind: 'changed' });
const placeholder = change('etc/hosts', { size: 0, origin: 'runtime' });
const page = change('var/www/html/index.html', { kind: 'changed' });

describe('the level of a verdict', () => {
  it.each<[string, Evidence, string]>([
    ['known malware', evidence([[miner, 'elf', 'detected']]), 'malicious'],
    ['known malware in a run with failures', evidence([[miner, 'elf', 'detected']], { failedSteps: ['hash-files'] }), 'malicious'],
    ['known malware without a listing', { ...evidence([[miner, 'elf', 'detected']]), changes: [] }, 'malicious'],
    [
      'an altered nginx.conf and a web shell',
      evidence([
        [nginx, 'text', 'unknown'],
        [shell, 'php', 'unknown'],
      ]),
      'suspicious',
    ],
    ['an altered nginx.conf alone', evidence([[nginx, 'text', 'unknown']]), 'suspicious'],
    ['an altered nginx.conf that could not be read', evidence([[nginx, undefined, undefined]]), 'suspicious'],
    ['a file that two engines dislike', evidence([[log, 'text', 'suspicious']]), 'suspicious'],
    ['a changed page only', evidence([[page, 'text', 'unknown']]), 'inconclusive'],
    ['placeholders of the runtime only', evidence([[placeholder, undefined, undefined]]), 'no-findings'],
    ['no changes', evidence([]), 'no-findings'],
    ['a growing log that no source knows', evidence([[log, 'text', 'unknown']]), 'no-findings'],
    ['a known-good program', evidence([[change('usr/bin/x'), 'elf', 'known-good']]), 'no-findings'],
    ['an unknown script in a volume of known ones', evidence([[change('x', { kind: 'changed' }), 'php', 'unknown']]), 'inconclusive'],
    ['a log whose answer is awaited', evidence([[log, 'text', 'pending']]), 'inconclusive'],
    ['a log that was not asked about', evidence([[log, 'text', 'not-asked']]), 'inconclusive'],
    ['a log whose lookup failed', evidence([[log, 'text', 'error']]), 'inconclusive'],
    ['a log that was not looked up', evidence([[log, 'text', undefined]]), 'inconclusive'],
    ['a file that was not acquired', evidence([[log, undefined, undefined]]), 'inconclusive'],
    ['a gap', evidence([], { gaps: [{ subject: 'x', reason: 'path-race' }] }), 'inconclusive'],
    ['a failed step', evidence([], { failedSteps: ['diff-filesystem'] }), 'inconclusive'],
  ])('for %s', (_name, input, level) => {
    const verdict = judge(input);
    expect(verdict.level).toBe(level);
    expect(verdictSchema.parse(verdict)).toEqual(verdict);
    expect(verdict.level === 'no-findings').toBe(verdict.findingCount === 0 && verdict.doubts === undefined);
  });
});

describe('the headline', () => {
  it.each<[Evidence, string]>([
    [
      {
        ...evidence([
          [miner, 'elf', undefined],
          [shell, 'php', 'unknown'],
          [nginx, 'text', 'unknown'],
        ]),
        lookups: [lookupOf(artifactOf(miner), 'detected', { label: 'miner.xmrig/linux' })],
      },
      '1 file is known malware (miner.xmrig/linux); a possible web shell and 1 more path need a look.',
    ],
    [evidence([[miner, 'elf', 'detected']]), '1 file is known malware.'],
    [evidence([[nginx, 'text', 'unknown']]), 'A changed server configuration needs a look; no file was found to be known malware.'],
    [evidence([[page, 'text', 'unknown']]), 'A changed web page needs a look.'],
    [evidence([[log, 'text', 'pending']]), 'Nothing that was looked for was found, but 1 lookup is still waiting.'],
    [evidence([[log, 'text', 'unknown']]), 'Nothing that was looked for was found in 1 changed path and 1 file.'],
    [
      evidence([], { blindSpots: ['/data', '/host'] }),
      'Nothing that was looked for was found in 0 changed paths and 0 files; nobody looked into the writable mounts /data and /host.',
    ],
  ])('says what matters', (input, headline) => {
    expect(judge(input).headline).toBe(headline);
  });
});

describe('findings', () => {
  it('cite path, hash and what is known', () => {
    const { findings, techniques } = judge(evidence([[miner, 'elf', 'detected']]));
    expect(findings.map(({ rule }) => rule)).toEqual(['lookup-detected', 'miner-name', 'executable-in-temp']);
    expect(findings[0]).toMatchObject({ subject: { path: { text: 'tmp/xmrig' } }, sha256: artifactOf(miner).sha256 });
    expect(findings[0]?.evidence).toBe('added file /tmp/xmrig in container web; elf, 10 bytes, mode 0755; virustotal: detected');
    expect(techniques).toEqual(['T1059.004', 'T1105', 'T1496']);
  });

  it('say how many engines and which, what they call it, since when it is known, and what the bytes say', () => {
    const artifact = artifactOf(miner, 'elf');
    const { findings } = judge({
      ...evidence([[miner, 'elf', undefined]]),
      lookups: [
        lookupOf(artifact, 'detected', {
          stats: { malicious: 57, suspicious: 0, undetected: 15, harmless: 0, other: 4 },
          engines: ['AVG', 'Zoner', 'Kaspersky', 'Microsoft'],
          label: 'trojan.xmrig/miner',
          firstSeen: '2024-02-03T04:05:06.000Z',
        }),
      ],
      content: [
        {
          sha256: artifact.sha256,
          size: 10,
          type: 'ELF',
          entropy: 7.9,
          elf: { machine: 'x86-64', bits: 64, kind: 'executable', static: true, packed: 'section UPX0' },
          strings: [{ kind: 'pool', text: 'stratum+tcp://pool.example:3333' }],
          stringsCut: false,
        },
      ],
    });
    expect(findings[0]?.evidence).toBe(
      'added file /tmp/xmrig in container web; elf, 10 bytes, mode 0755; virustotal: detected (57 of 72 engines, among them Kaspersky, ' +
        'Microsoft and AVG) as trojan.xmrig/miner, first seen 2024-02-03; packed (section UPX0); pool stratum+tcp://pool.example:3333',
    );
    expect(findings.map(({ rule }) => rule)).toEqual(
      expect.arrayContaining(['lookup-detected', 'miner-label', 'miner-configuration', 'packed-executable']),
    );
  });

  it('name the package, the times that do not go together, and when a path was written', () => {
    const times = { mtime: '2024-05-01T00:00:00.000Z', mtimeBefore: '2024-05-01T00:00:00.000Z', ctime: '2025-01-02T03:04:06.000Z', sizeBefore: 9 };
    const tool = change('usr/sbin/tool', { kind: 'changed', ...times });
    const artifact = artifactOf(tool, 'elf', { md5: 'a'.repeat(32) });
    const { containerId, path } = tool;
    const { findings } = judge({
      ...evidence([]),
      changes: [tool],
      artifacts: [artifact],
      packages: [
        { container: 'web', containerId, path, manager: 'dpkg', image: { package: 'tool', version: '1', algorithm: 'md5', digest: 'b'.repeat(32) } },
      ],
      processes: [processOf(1), processOf(7)],
    });
    expect(findings.map(({ rule }) => rule)).toEqual(['package-file-replaced', 'timestamps-kept']);
    expect(findings[0]?.evidence).toBe(
      'changed file /usr/sbin/tool in container web; elf, 10 bytes, mode 0644; differs from package tool; 9 bytes in the image; ' +
        'dated 2024-05-01T00:00:00.000Z as in the image; written 2025-01-02T03:04:06.000Z; written while the container started',
    );
  });

  it('of the worst level give the headline its words, however heavy a notice would be', () => {
    const known = change('etc/nginx/nginx.conf', { kind: 'changed' });
    const verdict = judge(
      evidence([
        [known, 'text', 'known-good'],
        [change('usr/local/bin/x.sh'), 'script', 'undetected'],
      ]),
    );
    expect(verdict).toMatchObject({
      level: 'suspicious',
      headline: 'A script that is not in the image and 1 more path need a look; no file was found to be known malware.',
    });
    expect(verdict.findings.map(({ rule, level }) => `${rule} ${level}`)).toEqual(['script-added suspicious', 'server-configuration-changed notice']);
  });

  it('stand in order of weight, then of path bytes', () => {
    const names = ['etc/cron.d/b', 'etc/cron.d/a', 'etc/cron.d/\xff'].map((path) => change(Buffer.from(path, 'latin1')));
    const { findings } = judge(evidence([...names, shell].map((each) => [each, 'text', 'unknown'] as const)));
    expect(findings.map(({ subject }) => subject?.path.text)).toEqual([
      'var/www/html/shell.php',
      'etc/cron.d/a',
      'etc/cron.d/b',
      'etc/cron.d/\\xff',
      'var/www/html/shell.php',
    ]);
  });

  it('of a rare rule are shown however much junk another rule finds', () => {
    const junk = Array.from({ length: 3_000 }, (_, index) => change(`tmp/xmrig-${index}/${'x'.repeat(100)}`));
    const { findings, findingCount } = judge(evidence([...junk, nginx].map((each) => [each, 'text', 'unknown'] as const)));
    expect(findingCount).toBe(3_001);
    expect(findings.length).toBeLessThanOrEqual(200);
    expect(findings.map(({ rule }) => rule)).toContain('server-configuration-changed');
  });

  it('name a path that is too long by its beginning only', () => {
    const long = change(`tmp/xmrig/${'\x1b'.repeat(4_000)}`);
    const [finding] = judge(evidence([[long, 'text', 'unknown']])).findings;
    expect(finding?.subject).toBeUndefined();
    expect(finding?.evidence.length).toBeLessThanOrEqual(400);
  });

  it('of the same name in another container or volume go with their own bytes', () => {
    const other = change('tmp/xmrig', { containerId: 'd'.repeat(64) });
    const inVolume = change('tmp/xmrig', { place: { kind: 'volume', volume: 'v', mountPath: '/v' }, kind: 'present' });
    const { findings } = judge({ ...evidence([[miner, 'elf', 'detected']]), changes: [miner, other, inVolume] });
    expect(findings.filter(({ rule }) => rule === 'lookup-detected')).toHaveLength(1);
    expect(findings.filter(({ rule }) => rule === 'miner-name')).toHaveLength(3);
  });
});

describe('a verdict', () => {
  const hostilePath = fc
    .tuple(fc.constantFrom('', 'tmp/xmrig/', 'etc/nginx/', 'var/www/html/', 'etc/cron.d/'), fc.uint8Array({ minLength: 1, maxLength: 3_000 }))
    .map(([folder, bytes]) => Buffer.concat([Buffer.from(folder), Buffer.from(bytes).map((byte) => (byte === 0 ? 1 : byte))]));
  const row = fc.record({
    path: hostilePath,
    content: fc.constantFrom<Artifact['content'] | undefined>('elf', 'php', 'script', 'text', undefined),
    status: fc.constantFrom('detected' as const, 'unknown' as const, 'pending' as const, undefined),
    kind: fc.constantFrom('added' as const, 'changed' as const, 'deleted' as const, 'present' as const),
  });

  it('fits its fact and is safe to print, whatever the names', () => {
    fc.assert(
      fc.property(fc.array(row, { maxLength: 60 }), (rows) => {
        const verdict = judge(evidence(rows.map(({ path, content, status, kind }) => [change(path, { kind }), content, status])));
        expect(Buffer.byteLength(JSON.stringify(verdictSchema.parse(verdict)))).toBeLessThan(maxFactBytes);
        const shown = [verdict.headline, ...verdict.findings.map((finding) => finding.evidence)].join('');
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
      { numRuns: 60 },
    );
  });

  it('does not depend on the order of its evidence', () => {
    fc.assert(
      fc.property(fc.uniqueArray(row, { maxLength: 30, selector: ({ path }) => path.toString('hex') }), (rows) => {
        const made = evidence(rows.map(({ path, content, status, kind }) => [change(path, { kind }), content, status]));
        const turned = { ...made, changes: [...made.changes].reverse(), artifacts: made.artifacts.toReversed(), lookups: made.lookups.toReversed() };
        expect(judge(turned)).toEqual(judge(made));
      }),
      { numRuns: 60 },
    );
  });
});

it('says of each finding which life of a restarted container it is about', () => {
  const before = change('tmp/xmrig', { mode: '0755', containerId: 'd'.repeat(64), instance: 'previous' });
  const { findings } = judge(
    evidence([
      [miner, 'elf', 'detected'],
      [before, 'elf', 'detected'],
    ]),
  );
  const said = (id: string) => findings.find(({ subject }) => subject?.containerId === id)?.evidence ?? '';
  expect(said(before.containerId)).toContain('in container web (previous instance)');
  expect(said(miner.containerId)).toMatch(/in container web(?! \()/);
});

it('takes what lies in a directory of the node for a hint, as nobody knows who wrote it', () => {
  const place = { kind: 'volume', volume: 'node', mountPath: '/etc/cron.d' } as const;
  const job = change('update', { kind: 'present', place, method: 'volume' });
  expect(judge(evidence([[job, 'text', 'unknown']])).level).toBe('suspicious');
  const { level, findings } = judge(evidence([[{ ...job, listedOnly: true }, undefined, undefined]]));
  expect(level).toBe('inconclusive');
  expect(findings).toMatchObject([{ rule: 'cron-changed', level: 'notice' }]);
});
