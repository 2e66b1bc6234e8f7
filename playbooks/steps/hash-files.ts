import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { z } from 'zod';
import { ahead } from '../acquisition/ahead.js';
import { ContentScanner } from '../content/content-scanner.js';
import type { Artifact } from '../domain/artifact.js';
import type { ContentFacts } from '../domain/content.js';
import { asTriageError, throwIfAborted } from '../domain/error.js';
import type { StepContext } from '../ports.js';
import { defineStep } from '../step.js';
import { keep } from './derived.js';

/**
 * Reads back every acquired file and compares it with the hash under which it was taken: what the store has is what the node had.
 * In the same pass it writes down what the bytes say of themselves.
 */
export const hashFiles = defineStep({
  name: 'hash-files',
  summary: 'Re-reads the stored files, compares their sha256 with the one taken on the way in, and notes what the bytes are',
  queue: 'evidence',
  permissions: [],
  needs: ['artifacts'],
  uses: [],
  writes: ['hashes', 'content'],
  params: z.strictObject({}),
  timeoutMs: 60 * 60_000,
  attempts: 3,
  async run(_facts, _params, ctx) {
    const hashes = storedHashes(await ctx.history.artifacts());
    const reading = new Reading(ctx, hashes);
    const { sha256 } = await keep(ctx, { kind: 'listing', name: 'content', method: 'derived' }, reading.rows());
    const { verified, broken } = reading;
    return { hashes: { verified, broken: broken.slice(0, 100) }, content: { sha256, count: verified } };
  },
});

/** Each content once: of files and programs that the store has. */
function storedHashes(artifacts: readonly Artifact[]): string[] {
  const stored = artifacts.filter(({ kind, left }) => (kind === 'file' || kind === 'process-executable') && left !== true);
  return [...new Set(stored.map(({ sha256 }) => sha256))];
}

/** One pass through the stored files. */
class Reading {
  readonly broken: string[] = [];
  verified = 0;
  private readonly scanner = new ContentScanner();

  constructor(
    private readonly ctx: StepContext,
    private readonly hashes: readonly string[],
  ) {}

  /** The facts of each content that is whole, as NDJSON: a row can have 8 KiB, and files are many. What is not whole is a gap, and has none. */
  async *rows(): AsyncGenerator<Buffer> {
    const streams = ahead(
      this.hashes,
      (sha256) => this.open(sha256),
      (stream) => stream?.destroy(),
    );
    for await (const [sha256, stream] of streams) {
      const content = stream === undefined ? undefined : await this.read(sha256, stream);
      if (content === undefined) {
        this.broken.push(sha256);
        this.ctx.gap({ subject: sha256, reason: 'digest-mismatch', detail: 'the evidence store no longer has these bytes as they were acquired' });
        continue;
      }
      this.verified += 1;
      yield Buffer.from(`${JSON.stringify(content)}\n`, 'utf8');
    }
  }

  /** Undefined when the store does not have it. */
  private async open(sha256: string): Promise<Readable | undefined> {
    throwIfAborted(this.ctx.signal);
    try {
      return await this.ctx.evidence.open(sha256);
    } catch (error) {
      if (asTriageError(error).code !== 'not-found') throw error;
      return undefined;
    }
  }

  /** Undefined when the bytes do not have that hash. */
  private async read(sha256: string, stream: Readable): Promise<ContentFacts | undefined> {
    const hash = createHash('sha256');
    for await (const chunk of stream) {
      hash.update(chunk as Uint8Array);
      this.scanner.update(chunk as Uint8Array);
    }
    const facts = this.scanner.finish();
    return hash.digest('hex') === sha256 ? { sha256, ...facts } : undefined;
  }
}
