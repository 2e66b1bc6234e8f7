import { unlink } from 'node:fs/promises';
import { untilAborted } from '../../playbooks/domain/abort.js';
import { TriageError, throwIfAborted } from '../../playbooks/domain/error.js';
import type { EvidencePort, StagedEvidence, StoredEvidence } from '../../playbooks/ports.js';
import { type Digests, digestOf } from './digest.js';
import { writeLarge } from './large-file.js';
import type { TemporaryFolder } from './temporary-folder.js';

/** Up to so many bytes wait in memory. */
const smallBytes = 64 * 1024;
/** All small ones together; what comes beyond is written at once. */
const heldBytes = 16 * 1024 * 1024;

type Source = Parameters<EvidencePort['put']>[0];
type Expected = Parameters<EvidencePort['put']>[2];

/** Where staged bytes go for good. Both say whether the store had them before. */
export interface Sink {
  small(digest: Digests, data: Uint8Array, signal?: AbortSignal): Promise<boolean>;
  /** @param temporary the file that has the bytes; the stager removes it */
  large(digest: Digests, temporary: string, signal?: AbortSignal): Promise<boolean>;
  /** More than this is refused as `limit-exceeded`. */
  readonly maxBytes?: number;
}

interface Staged extends StagedEvidence {
  /** @param signal given by who puts and does not stage: what is staged may outlive its transfer */
  keep(signal?: AbortSignal): Promise<StoredEvidence>;
}

/** Takes bytes apart: small ones in memory, large ones in a temporary file. */
export class Stager {
  private held = 0;

  constructor(
    private readonly temporary: TemporaryFolder,
    private readonly sink: Sink,
  ) {}

  /** See {@link EvidencePort}. */
  async put(source: Source, signal: AbortSignal, expected?: Expected): Promise<StoredEvidence> {
    return (await this.stage(source, signal, expected)).keep(signal);
  }

  /** See {@link EvidencePort}. */
  async stage(source: Source, signal: AbortSignal, expected?: Expected): Promise<Staged> {
    throwIfAborted(signal);
    // There may be thousands of small files, and those that are all there need no stream.
    if (isWhole(source) && this.hasRoom(lengthOf(source))) return this.small(Buffer.concat(source), expected);
    const chunks = untilAborted<Uint8Array>(source, signal);
    const start: Uint8Array[] = [];
    let size = 0;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      start.push(next.value);
      size += next.value.length;
      if (!this.hasRoom(size)) return this.large(andThen(start, chunks), expected);
    }
    return this.small(Buffer.concat(start), expected);
  }

  private hasRoom(size: number): boolean {
    return size <= smallBytes && this.held + size <= heldBytes;
  }

  private small(data: Uint8Array, expected: Expected): Staged {
    const digest = digestOf(data);
    compare(digest, expected);
    this.held += data.length;
    const place = { bytes: data.length };
    return {
      ...digest,
      keep: async (signal) => {
        try {
          return { ...digest, existed: await this.sink.small(digest, data, signal) };
        } finally {
          this.leave(place);
        }
      },
      discard: () => {
        this.leave(place);
        return Promise.resolve();
      },
    };
  }

  /** Who has kept a file may discard it with others: it leaves memory once. */
  private leave(place: { bytes: number }): void {
    this.held -= place.bytes;
    place.bytes = 0;
  }

  private async large(chunks: AsyncIterable<Uint8Array>, expected: Expected): Promise<Staged> {
    const temporary = this.temporary.next();
    const discard = (): Promise<void> => unlink(temporary).catch(() => undefined);
    try {
      const digest = await writeLarge(temporary, upTo(this.sink.maxBytes ?? Number.POSITIVE_INFINITY, chunks));
      compare(digest, expected);
      const put = async (signal?: AbortSignal): Promise<StoredEvidence> => ({ ...digest, existed: await this.sink.large(digest, temporary, signal) });
      return { ...digest, keep: (signal) => put(signal).finally(discard), discard };
    } catch (error) {
      await discard();
      throw error;
    }
  }
}

function isWhole(source: Source): source is readonly Uint8Array[] {
  return Array.isArray(source);
}

function lengthOf(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

async function* andThen<T>(first: readonly T[], rest: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  yield* first;
  yield* rest;
}

async function* upTo(maxBytes: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > maxBytes)
      throw new TriageError('limit-exceeded', `the evidence store takes ${maxBytes} bytes in one file at most; nothing was stored`);
    yield chunk;
  }
}

function compare(digest: Digests, expected: Expected): void {
  if (expected?.size !== undefined && expected.size !== digest.size) {
    throw new TriageError('digest-mismatch', `${digest.size} bytes came where ${expected.size} were announced; nothing was stored`);
  }
  if (expected?.sha256 !== undefined && expected.sha256 !== digest.sha256) {
    throw new TriageError('digest-mismatch', `the bytes hash to ${digest.sha256}, expected ${expected.sha256}; nothing was stored`);
  }
}
