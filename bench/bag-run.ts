import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { type Artifact, artifactId } from '../playbooks/domain/artifact.js';
import { pathName } from '../playbooks/domain/path-name.js';
import { type Playbook, parsePlaybook } from '../playbooks/playbook.js';
import { defineStep } from '../playbooks/step.js';
import { keepListing } from '../playbooks/steps/derived.js';
import { judge } from '../playbooks/steps/judge.js';
import { lookupHashes } from '../playbooks/steps/lookup-hashes.js';
import { writeReport } from '../playbooks/steps/write-report.js';

const chunkBytes = 1024 * 1024;
const containerId = 'c'.repeat(64);

/** Sizes of `files` files that are `bytes` together: a hundredth of them hold half of it, the others are from nothing to twice their mean. */
export function mixedSizes(files: number, bytes: number): number[] {
  const large = Math.ceil(files / 100);
  const rest = files - large;
  const mean = bytes / 2 / rest;
  const sizes = [
    ...Array.from({ length: large }, () => Math.floor(bytes / 2 / large)),
    ...Array.from({ length: rest }, (_, at) => Math.floor((2 * mean * at) / rest)),
  ];
  sizes[0] = (sizes[0] ?? 0) + bytes - sizes.reduce((sum, size) => sum + size, 0);
  return sizes;
}

/** Content that no other file has. */
function* contentOf(size: number, pool: Buffer): Generator<Uint8Array> {
  if (size === 0) return;
  yield randomBytes(Math.min(16, size));
  for (let left = size - 16; left > 0; left -= chunkBytes) yield pool.subarray(0, Math.min(left, chunkBytes));
}

/** A playbook `mixed` that takes files of these sizes out of nothing, and asks, judges and reports as the real ones do. */
export function mixedPlaybooks(sizes: readonly number[]): ReadonlyMap<string, Playbook> {
  const take = defineStep({
    name: 'take-mixed',
    summary: 'Takes files',
    queue: 'evidence',
    permissions: [],
    timeoutMs: 60 * 60_000,
    attempts: 1,
    needs: [],
    uses: [],
    writes: ['target', 'changes', 'artifacts'],
    params: z.strictObject({}),
    async run(_facts, _params, ctx) {
      const pool = randomBytes(chunkBytes);
      const artifacts: Artifact[] = [];
      for (const [at, size] of sizes.entries()) {
        const { sha256 } = await ctx.evidence.put(contentOf(size, pool), ctx.signal);
        const source = { container: 'web', containerId, place: { kind: 'rootfs' } as const, path: pathName(Buffer.from(`srv/file-${at}`)) };
        const acquiredAt = ctx.clock().toISOString();
        const id = artifactId('file', source);
        artifacts.push({ id, kind: 'file', sha256, size, content: 'binary', source, method: 'node', known: false, acquiredAt });
      }
      await ctx.recordArtifacts(artifacts);
      const { cluster, namespace, pod } = ctx.run.request.target;
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      return {
        target: { cluster, namespace, pod, uid: 'uid-1' },
        changes: { ...(await keepListing(ctx, 'changes', [])), added: 0, changed: 0, deleted: 0, present: 0, method: 'overlay' },
        artifacts: { ...(await keepListing(ctx, 'artifacts', artifacts)), bytes, stored: artifacts.length, known: 0, left: 0, method: 'node' },
      };
    },
  });
  const steps = ['take-mixed', 'lookup-hashes', 'judge', 'write-report'].map((step) => ({ step }));
  const text = JSON.stringify({ name: 'mixed', title: 'mixed', summary: 'mixed', steps });
  return new Map([['mixed', parsePlaybook('mixed.yaml', text, [take, lookupHashes, judge, writeReport])]]);
}
