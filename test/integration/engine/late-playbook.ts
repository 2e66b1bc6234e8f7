import { z } from 'zod';
import { type Artifact, artifactId, type ContentType } from '../../../playbooks/domain/artifact.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { TriageError } from '../../../playbooks/domain/error.js';
import type { PackageFile } from '../../../playbooks/domain/package.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { type Playbook, parsePlaybook } from '../../../playbooks/playbook.js';
import { defineStep, type Step } from '../../../playbooks/step.js';
import { keepListing } from '../../../playbooks/steps/derived.js';
import { judge } from '../../../playbooks/steps/judge.js';
import { lookupHashes } from '../../../playbooks/steps/lookup-hashes.js';
import { writeReport } from '../../../playbooks/steps/write-report.js';

const containerId = 'c'.repeat(64);

/** The sha256 of the file with this name, the same in every run. */
export function hashOf(name: string): string {
  return sha256Hex(`late/${name}`);
}

function artifactOf(name: string, content: ContentType, at: Date): Artifact {
  const source = { container: 'web', containerId, place: { kind: 'rootfs' } as const, path: pathName(Buffer.from(name)) };
  const base = { id: artifactId('file', source), sha256: hashOf(name), size: 10, content, source, acquiredAt: at.toISOString() };
  return { ...base, kind: 'file', md5: sha256Hex(name).slice(0, 32), method: 'node', known: false };
}

const kinds: readonly ContentType[] = ['elf', 'script', 'archive'];

/**
 * Takes files: `programs` of them are programs p0, p1 …, the rest is text t0, t1 …; the programs named are packaged as they are. With `ranked`
 * the programs are a program, a script and an archive by their hashes, so that every run asks about them in this order.
 */
const take = defineStep({
  name: 'take',
  summary: 'Takes files',
  queue: 'evidence',
  permissions: [],
  timeoutMs: 60_000,
  attempts: 1,
  needs: [],
  uses: [],
  writes: ['target', 'changes', 'artifacts', 'packages'],
  params: z.strictObject({
    programs: z.int(),
    texts: z.int().default(0),
    packaged: z.array(z.string()).default([]),
    ranked: z.boolean().default(false),
  }),
  async run(_facts, { programs, texts, packaged, ranked }, ctx) {
    const named = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${prefix}${at}`);
    const files = [
      ...named('t', texts).map((name) => artifactOf(name, 'text', ctx.clock())),
      ...named('p', programs)
        .sort((a, b) => (hashOf(a) < hashOf(b) ? -1 : 1))
        .map((name, at) => artifactOf(name, ranked ? (kinds[at] ?? 'text') : 'elf', ctx.clock())),
    ];
    await ctx.recordArtifacts(files);
    const rows = packaged.map((name): PackageFile => {
      const image = { package: 'coreutils', version: '9.1-1', algorithm: 'md5', digest: sha256Hex(name).slice(0, 32) } as const;
      return { container: 'web', containerId, path: pathName(Buffer.from(name)), manager: 'dpkg', image };
    });
    const { cluster, namespace, pod } = ctx.run.request.target;
    return {
      target: { cluster, namespace, pod, uid: 'uid-1' },
      changes: { ...(await keepListing(ctx, 'changes', [])), added: 0, changed: 0, deleted: 0, present: 0, method: 'overlay' },
      artifacts: { ...(await keepListing(ctx, 'artifacts', files)), bytes: 0, stored: files.length, known: 0, left: 0, method: 'node' },
      packages: { ...(await keepListing(ctx, 'packages', rows)), managers: ['dpkg'] },
    };
  },
});

/** Lists changes, records what one process runs, and fails. */
const takeNothing = defineStep({
  name: 'take-nothing',
  summary: 'Takes no files',
  queue: 'evidence',
  permissions: [],
  timeoutMs: 60_000,
  attempts: 1,
  needs: [],
  uses: [],
  writes: ['artifacts'],
  params: z.strictObject({}),
  async run(_facts, _params, ctx) {
    const { source, ...base } = artifactOf('p0', 'elf', ctx.clock());
    await ctx.recordArtifacts([{ ...base, kind: 'process-executable', source: { ...source!, place: { kind: 'process', pid: 7 } } }]);
    throw new TriageError('node-auth-failed', 'no way in');
  },
});

const catalog: readonly Step[] = [take, takeNothing, lookupHashes, judge, writeReport];

function playbook(name: string, first: object): Playbook {
  const steps = [first, { step: 'lookup-hashes' }, { step: 'judge' }, { step: 'write-report' }];
  return parsePlaybook(`${name}.yaml`, JSON.stringify({ name, title: name, summary: name, steps }), catalog);
}

/** Playbooks that take files out of nothing, and ask, judge and report as the real ones do. */
export const latePlaybooks: ReadonlyMap<string, Playbook> = new Map(
  [
    playbook('few', { step: 'take', params: { programs: 3, ranked: true } }),
    playbook('packaged', { step: 'take', params: { programs: 3, packaged: ['p0', 'p1'] } }),
    playbook('more', { step: 'take', params: { programs: 4, texts: 6 } }),
    playbook('junk', { step: 'take', params: { programs: 0, texts: 5_000 } }),
    playbook('fifty', { step: 'take', params: { programs: 50 } }),
    playbook('many', { step: 'take', params: { programs: 120 } }),
    playbook('processes', { step: 'take-nothing' }),
  ].map((each) => [each.name, each]),
);
