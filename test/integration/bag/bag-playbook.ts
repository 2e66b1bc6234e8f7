import { z } from 'zod';
import { type Artifact, artifactId } from '../../../playbooks/domain/artifact.js';
import { sha256Hex } from '../../../playbooks/domain/custody.js';
import { pathName } from '../../../playbooks/domain/path-name.js';
import { type Playbook, parsePlaybook } from '../../../playbooks/playbook.js';
import { defineStep } from '../../../playbooks/step.js';
import { keepListing } from '../../../playbooks/steps/derived.js';
import { judge } from '../../../playbooks/steps/judge.js';
import { lookupHashes } from '../../../playbooks/steps/lookup-hashes.js';
import { writeReport } from '../../../playbooks/steps/write-report.js';

/** A file of the suspect: its name, as hostile as it likes, and its content. */
export interface TakenFile {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Policy leaves its content on the node. */
  readonly left?: boolean;
}

const containerId = 'c'.repeat(64);

/** Takes the given files into the evidence store. */
const takeFiles = (files: readonly TakenFile[]) =>
  defineStep({
    name: 'take-files',
    summary: 'Takes files',
    queue: 'evidence',
    permissions: [],
    timeoutMs: 60_000,
    attempts: 1,
    needs: [],
    uses: [],
    writes: ['target', 'changes', 'artifacts'],
    params: z.strictObject({}),
    async run(_facts, _params, ctx) {
      const artifacts: Artifact[] = [];
      for (const { name, content, left = false } of files) {
        const bytes = Buffer.from(content);
        const source = { container: 'web', containerId, place: { kind: 'rootfs' } as const, path: pathName(Buffer.from(name)) };
        const known = left ? false : (await ctx.evidence.put([bytes], ctx.signal)).existed;
        artifacts.push({
          id: artifactId('file', source),
          kind: 'file',
          sha256: sha256Hex(bytes),
          size: bytes.length,
          content: 'elf',
          source,
          method: 'node',
          known,
          ...(left ? { left } : {}),
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

/** A playbook `files` that takes these, and asks, judges and reports as the real ones do. */
export function bagPlaybooks(files: readonly TakenFile[]): ReadonlyMap<string, Playbook> {
  const steps = ['take-files', 'lookup-hashes', 'judge', 'write-report'].map((step) => ({ step }));
  const text = JSON.stringify({ name: 'files', title: 'files', summary: 'files', steps });
  return new Map([['files', parsePlaybook('files.yaml', text, [takeFiles(files), lookupHashes, judge, writeReport])]]);
}
