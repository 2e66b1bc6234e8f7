import { join } from 'node:path';
import { z } from 'zod';
import { type Artifact, artifactId, contentTypeOf } from '../../../playbooks/domain/artifact.js';
import { type CustodyEntry, sha256Hex } from '../../../playbooks/domain/custody.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { type RunRequest, runRequestSchema } from '../../../playbooks/domain/request.js';
import type { UploadPolicy } from '../../../playbooks/domain/upload.js';
import { parsePlaybook } from '../../../playbooks/playbook.js';
import type { EvidencePort } from '../../../playbooks/ports.js';
import { type Report, reportSchema } from '../../../playbooks/report/model.js';
import { defineStep } from '../../../playbooks/step.js';
import { keepListing } from '../../../playbooks/steps/derived.js';
import { judge } from '../../../playbooks/steps/judge.js';
import { lookupHashes } from '../../../playbooks/steps/lookup-hashes.js';
import { uploadUnknown } from '../../../playbooks/steps/upload-unknown.js';
import { writeReport } from '../../../playbooks/steps/write-report.js';
import { loadRules } from '../../../store/definitions.js';
import { createDiskEvidence } from '../../../store/evidence/disk.js';
import { RedisRunCommander } from '../../../store/run-commander.js';
import type { RunView } from '../../../store/run-view.js';
import { createVirusTotal } from '../../../workers/adapters/virustotal/virustotal.js';
import type { RunnerOptions } from '../../../workers/runner/create-runner.js';
import type { Emulator } from '../../emulators/virustotal.js';
import type { Engine } from './engine.js';
import { fakePorts } from './fake-ports.js';

export const apiKey = 'u'.repeat(64);

/** Files of a run: their content, and what they are beside. */
export const contents = {
  miner: '\x7fELF a miner that nobody knows',
  script: '#!/bin/sh\ncurl evil\n',
  note: 'only a note',
  left: '\x7fELF left on the node',
  unstable: '\x7fELF that would not hold still',
  large: `\x7fELF ${'x'.repeat(2_000)}`,
  /** More than VirusTotal takes without an upload URL. */
  huge: `\x7fELF ${'h'.repeat(33 * 1024 * 1024)}`,
} as const;
export type FileName = keyof typeof contents;

export function hashOf(name: FileName): string {
  return sha256Hex(contents[name]);
}

const containerId = 'c'.repeat(64);

/** Takes files with real bytes; what policy left on the node is not in the store. */
const take = defineStep({
  name: 'take',
  summary: 'Takes files',
  queue: 'evidence',
  permissions: [],
  timeoutMs: 60_000,
  attempts: 1,
  needs: [],
  uses: [],
  writes: ['target', 'changes', 'artifacts'],
  params: z.strictObject({ files: z.array(z.enum(Object.keys(contents) as [FileName, ...FileName[]])) }),
  async run(_facts, { files }, ctx) {
    const artifacts: Artifact[] = [];
    for (const name of files) {
      const bytes = Buffer.from(contents[name]);
      if (name !== 'left') await ctx.evidence.put([bytes], ctx.signal);
      const source = { container: 'web', containerId, place: { kind: 'rootfs' } as const, path: pathName(Buffer.from(`/tmp/${name}`)) };
      artifacts.push({
        id: artifactId('file', source),
        kind: 'file',
        sha256: hashOf(name),
        size: bytes.length,
        content: contentTypeOf(bytes, bytes.length),
        source,
        method: 'node',
        known: false,
        ...(name === 'left' ? { left: true } : {}),
        ...(name === 'unstable' ? { unstable: true } : {}),
        acquiredAt: ctx.clock().toISOString(),
      });
    }
    await ctx.recordArtifacts(artifacts);
    const { cluster, namespace, pod } = ctx.run.request.target;
    return {
      target: { cluster, namespace, pod, uid: 'uid-1' },
      changes: { ...(await keepListing(ctx, 'changes', [])), added: 0, changed: 0, deleted: 0, present: 0, method: 'overlay' },
      artifacts: { ...(await keepListing(ctx, 'artifacts', artifacts)), bytes: 0, stored: artifacts.length, known: 0, left: 0, method: 'node' },
    };
  },
});

const catalog = [take, lookupHashes, uploadUnknown, judge, writeReport];

function playbook(name: string, files: readonly FileName[], most = 5) {
  const steps = [
    { step: 'take', params: { files } },
    { step: 'lookup-hashes' },
    { step: 'upload-unknown', params: { files: most } },
    { step: 'judge' },
    { step: 'write-report' },
  ];
  return [name, parsePlaybook(`${name}.yaml`, JSON.stringify({ name, title: name, summary: name, steps }), catalog)] as const;
}

const playbooks = new Map([
  playbook('one', ['miner']),
  playbook('two', ['miner', 'script']),
  playbook('huge', ['huge']),
  playbook('mixed', ['miner', 'script', 'note', 'left', 'unstable', 'large'], 2),
]);

/** An engine that asks a VirusTotal emulator over HTTP, with real evidence and real steps behind a step that takes files out of nothing. */
export class UploadEngine {
  private constructor(
    readonly engine: Engine,
    readonly evidence: EvidencePort,
    readonly emulator: Emulator,
  ) {}

  static async create(engine: Engine, emulator: Emulator): Promise<UploadEngine> {
    return new UploadEngine(engine, await createDiskEvidence(join(engine.folder, 'evidence')), emulator);
  }

  async runner(policy: Partial<UploadPolicy> = {}, options: Partial<RunnerOptions> = {}, evidence = this.evidence): Promise<void> {
    const uploadPolicy: UploadPolicy = { mode: 'never', maxBytes: 1_000, ...policy };
    // As the workers compose it.
    const uploads = uploadPolicy.mode !== 'never';
    const intel = createVirusTotal({ url: this.emulator.url, apiKeys: [{ key: apiKey, limits: {} }], timeoutMs: 5_000, uploads });
    await this.engine.runner({
      playbooks,
      rules: await loadRules('playbooks/rules'),
      ports: { ...fakePorts, evidence, intel },
      quotaLimits: { perMinute: 1_000, perDay: 10_000, perMonth: 10_000 },
      ...(policy.mode === undefined ? {} : { uploadPolicy }),
      ...options,
      timings: { analysisPollMs: 150, lookupDeadlineMs: { interactive: 20_000, other: 20_000 }, ...options.timings },
    });
  }

  open(name: string, upload?: RunRequest['options']['lookups']['upload'], requestedBy = 'anna'): Promise<string> {
    const { redis, keys, custody, queues } = this.engine;
    const commander = new RedisRunCommander({ redis, keys, custody, queues, playbooks, retryDelayMs: 20 });
    const lookups = upload === undefined ? {} : { upload };
    return commander.open(runRequestSchema.parse({ target: { namespace: 'shop', pod: 'web-0' }, playbook: name, options: { lookups } }), requestedBy);
  }

  async ended(run: string): Promise<{ view: RunView; step: RunView['steps'][number]; entries: CustodyEntry[]; report: Report }> {
    const view = await this.engine.ended(run);
    const records = await this.engine.reader.records(run);
    const { json } = records.get('write-report')?.facts['report'] as { json: string };
    const chunks: Buffer[] = [];
    for await (const chunk of await this.evidence.open(json)) chunks.push(chunk as Buffer);
    const report = reportSchema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
    return { view, step: view.steps.find(({ name }) => name === 'upload-unknown')!, entries: await this.engine.entries(run), report };
  }
}
