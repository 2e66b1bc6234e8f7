import { createHash, randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { chmod, mkdir, open, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { untilAborted } from '../../playbooks/domain/abort.js';
import { sha256Schema } from '../../playbooks/domain/artifact.js';
import { TriageError } from '../../playbooks/domain/error.js';
import type { EvidencePort, StoredEvidence } from '../../playbooks/ports.js';
import { Digest } from './digest.js';
import type { HostIdentity } from './folder.js';
import { linkNew, prepareFolder, syncFolder, thisHost } from './folder.js';
import { onStore, systemCode } from './fs-error.js';

/** An evidence store in a folder of this machine, which can also check itself. */
export interface DiskEvidence extends EvidencePort {
  /** Reads the bytes again and says whether they still have their hash. Throws `not-found`. */
  check(sha256: string, signal: AbortSignal): Promise<boolean>;
}

type Expected = Parameters<EvidencePort['put']>[2];

/**
 * Opens the store in `folder`, making it where it is missing: `sha256/ab/<62 digits>`, mode 0400, written once.
 * Any number of processes of one machine may share it. Throws `config-invalid` (another machine's store), `store-unwritable`, `store-full`.
 */
export async function createDiskEvidence(folder: string, host?: HostIdentity): Promise<DiskEvidence> {
  await prepareFolder(folder, host ?? (await thisHost()));
  return {
    has: (sha256) => has(pathOf(folder, sha256)),
    put: (source, signal, expected) => put(folder, source, signal, expected),
    open: (sha256) => openForReading(pathOf(folder, sha256), sha256),
    check: (sha256, signal) => check(pathOf(folder, sha256), sha256, signal),
  };
}

function pathOf(folder: string, sha256: string): string {
  if (!sha256Schema.safeParse(sha256).success) throw new TriageError('invalid-request', 'evidence is named by 64 lower-case hex digits');
  return join(folder, 'sha256', sha256.slice(0, 2), sha256.slice(2));
}

async function has(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw new TriageError('store-unwritable', `the evidence store cannot be read: ${String(error)}`, { cause: error });
  }
}

async function put(folder: string, source: Parameters<EvidencePort['put']>[0], signal: AbortSignal, expected: Expected): Promise<StoredEvidence> {
  const temporary = join(folder, 'tmp', randomUUID());
  try {
    const digest = await writeTemporary(temporary, source, signal);
    compare(digest, expected);
    const existed = await onStore('keep a file', () => keep(temporary, pathOf(folder, digest.sha256), digest.size));
    return { ...digest, existed };
  } finally {
    await unlink(temporary).catch(() => undefined);
  }
}

async function writeTemporary(
  path: string,
  source: Parameters<EvidencePort['put']>[0],
  signal: AbortSignal,
): Promise<Omit<StoredEvidence, 'existed'>> {
  const handle = await onStore('make a temporary file', () => open(path, 'wx', 0o600));
  try {
    const digest = new Digest();
    for await (const chunk of untilAborted(source, signal)) {
      digest.update(chunk);
      await onStore('write', () => writeAll(handle, chunk));
    }
    await onStore('write', () => handle.sync());
    return digest.finish();
  } finally {
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    at += (await handle.write(chunk, at, chunk.length - at)).bytesWritten;
  }
}

function compare(digest: Omit<StoredEvidence, 'existed'>, expected: Expected): void {
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
  await chmod(temporary, 0o400);
  const isNew = await linkNew(temporary, path);
  if (!isNew && (await stat(path)).size !== size) {
    throw new TriageError('store-corrupt', `the store's file ${path} has another size than its name says; restore it from a copy`);
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
