import { createHash } from 'node:crypto';
import { z } from 'zod';
import { asTriageError } from '../domain/error.js';
import type { StepContext } from '../ports.js';
import { defineStep } from '../step.js';

/** Reads back every acquired file and compares it with the hash under which it was taken: what the store has is what the node had. */
export const hashFiles = defineStep({
  name: 'hash-files',
  summary: 'Re-reads the stored files and compares their sha256 with the one taken on the way in',
  queue: 'evidence',
  permissions: [],
  needs: ['artifacts'],
  uses: [],
  writes: ['hashes'],
  params: z.strictObject({}),
  timeoutMs: 60 * 60_000,
  attempts: 3,
  async run(_facts, _params, ctx) {
    const files = (await ctx.history.artifacts()).filter(({ kind, left }) => (kind === 'file' || kind === 'process-executable') && left !== true);
    const unique = [...new Set(files.map(({ sha256 }) => sha256))];
    const broken: string[] = [];
    for (const sha256 of unique) {
      if (await holds(ctx, sha256)) continue;
      broken.push(sha256);
      ctx.gap({ subject: sha256, reason: 'digest-mismatch', detail: 'the evidence store no longer has these bytes as they were acquired' });
    }
    return { hashes: { verified: unique.length - broken.length, broken: broken.slice(0, 100) } };
  },
});

async function holds(ctx: StepContext, sha256: string): Promise<boolean> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of await ctx.evidence.open(sha256)) hash.update(chunk as Uint8Array);
  } catch (error) {
    if (asTriageError(error).code === 'not-found') return false;
    throw error;
  }
  return hash.digest('hex') === sha256;
}
