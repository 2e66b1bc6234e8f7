import { createHash, randomUUID } from 'node:crypto';
import { statSync } from 'node:fs';
import { mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Readable } from 'node:stream';
import { untilAborted } from '../../playbooks/domain/abort.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { EvidencePort, StagedEvidence, StoredEvidence } from '../../playbooks/ports.js';
import { BatchWriter, corrupt } from './batch-writer.js';
import { type Digests, digestOf } from './digest.js';
import type { HostIdentity } from './folder.js';
import { linkNew, prepareFolder, syncFolder, thisHost } from './folder.js';
import { onStore, systemCode } from './fs-error.js';
import { writeLarge } from './large-file.js';

/** Up to so many bytes wait in memory, to be written in a batch. */
const smallBytes = 64 * 1024;
/** All small ones together; what comes beyond is written at once. */
const heldBytes = 16 * 1024 * 1024;

/** An evidence store in a folder of this machine, which can also check itself. */
export interface DiskEvidence extends EvidencePort {
  /** Reads the bytes again and says whether they still have their hash. Throws `not-found`. */
  check(sha256: string, signal: AbortSignal): Promise<boolean>;
}

type Source = Parameters<EvidencePort['put']>[0];
type Expected = Parameters<EvidencePort['put']>[2];

/**
 * Opens the store in `folder`, making it where it is missing: `sha256/ab/<62 digits>`, mode 0400, written once.
 * Any number of processes of one machine may share it. Throws `config-invalid` (another machine's store), `store-unwritable`, `store-full`.
 */
export async function createDiskEvidence(folder: string, host?: HostIdentity): Promise<DiskEvidence> {
  await prepareFolder(folder, host ?? (await thisHost()));
  const stager = new Stager(folder);
  return {
    has: (sha256) => new Promise((resolve) => resolve(has(pathOf(folder, sha256)))),
    put: async (source, signal, expected) => (await stager.stage(source, signal, expected)).keep(),
    stage: (source, signal, expected) => stager.stage(source, signal, expected),
    open: (sha256) => openForReading(pathOf(folder, sha256), sha256),
    check: (sha256, signal) => check(pathOf(folder, sha256), sha256, signal),
  };
}

function pathOf(folder: string, sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TriageError('invalid-request', 'evidence is named by 64 lower-case hex digits');
  return `${folder}/sha256/${sha256.slice(0, 2)}/${sha256.slice(2)}`;
}

/** Not by the thread pool: thousands of names are asked about in a row, and the way there and back takes longer than the look. */
function has(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
  } catch (error) {
    throw new TriageError('store-unwritable', `the evidence store cannot be read: ${String(error)}`, { cause: error });
  }
}

/** Takes bytes apart: small ones in memory, until a batch makes them durable, large ones in a temporary file. */
class Stager {
  private readonly batches = new BatchWriter();
  private held = 0;

  constructor(private readonly folder: string) {}

  async stage(source: Source, signal: AbortSignal, expected: Expected): Promise<StagedEvidence> {
    const chunks = untilAborted<Uint8Array>(source, signal);
    const start: Uint8Array[] = [];
    let size = 0;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      start.push(next.value);
      size += next.value.length;
      if (size > smallBytes || this.held + size > heldBytes) return this.large(andThen(start, chunks), expected);
    }
    return this.small(Buffer.concat(start), expected);
  }

  private small(data: Uint8Array, expected: Expected): StagedEvidence {
    const digest = digestOf(data);
    compare(digest, expected);
    this.held += data.length;
    const discard = (): Promise<void> => {
      this.held -= data.length;
      return Promise.resolve();
    };
    const put = async (): Promise<StoredEvidence> => {
      const existed = await this.batches.add(temporaryIn(this.folder), pathOf(this.folder, digest.sha256), data);
      return { ...digest, existed };
    };
    return { ...digest, keep: () => put().finally(discard), discard };
  }

  private async large(chunks: AsyncIterable<Uint8Array>, expected: Expected): Promise<StagedEvidence> {
    const temporary = temporaryIn(this.folder);
    const discard = (): Promise<void> => unlink(temporary).catch(() => undefined);
    try {
      const digest = await writeLarge(temporary, chunks);
      compare(digest, expected);
      const put = async (): Promise<StoredEvidence> => {
        const existed = await onStore('keep a file', () => keep(temporary, pathOf(this.folder, digest.sha256), digest.size));
        return { ...digest, existed };
      };
      return { ...digest, keep: () => put().finally(discard), discard };
    } catch (error) {
      await discard();
      throw error;
    }
  }
}

function temporaryIn(folder: string): string {
  return `${folder}/tmp/${randomUUID()}`;
}

async function* andThen<T>(first: readonly T[], rest: AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
  yield* first;
  yield* rest;
}

function compare(digest: Digests, expected: Expected): void {
  if (expected?.size !== undefined && expected.size !== digest.size) {
    throw new TriageError('digest-mismatch', `${digest.size} bytes came where ${expected.size} were announced; nothing was stored`);
  }
  if (expected?.sha256 !== undefined && expected.sha256 !== digest.sha256) {
    throw new TriageError('digest-mismatch', `the bytes hash to ${digest.sha256}, expected ${expected.sha256}; nothing was stored`);
  }
}

/** Returns whether the store had the bytes before. */
async function keep(temporary: string, path: string, size: number): Promise<boolean> {
  const folder = dirname(path);
  if ((await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(dirname(folder));
  const isNew = await linkNew(temporary, path);
  if (!isNew && (await stat(path)).size !== size) {
    throw corrupt(path);
  }
  // Also when it existed: the process that linked it may have died before this line.
  await syncFolder(folder);
  return !isNew;
}

async function openForReading(path: string, sha256: string): Promise<Readable> {
  try {
    return (await open(path, 'r')).createReadStream();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw new TriageError('not-found', `the evidence store does not have ${sha256}`, { cause: error });
    throw new TriageError('store-unwritable', `the evidence store cannot be read: ${String(error)}`, { cause: error });
  }
}

async function check(path: string, sha256: string, signal: AbortSignal): Promise<boolean> {
  const hash = createHash('sha256');
  for await (const chunk of untilAborted<Uint8Array>(await openForReading(path, sha256), signal)) hash.update(chunk);
  return hash.digest('hex') === sha256;
}
