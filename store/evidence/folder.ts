import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { TriageError } from '../../playbooks/domain/error.js';
import { onStore, systemCode } from './fs-error.js';
import { TemporaryFolder } from './temporary-folder.js';

/** Names one machine: a folder under two machines would break the promises of link and fsync. */
export interface HostIdentity {
  readonly hostname: string;
  /** From /etc/machine-id; empty where there is none (systemd, machine-id(5)). */
  readonly machineId: string;
}

/** This machine. */
export async function thisHost(): Promise<HostIdentity> {
  const id = await readFile('/etc/machine-id', 'latin1').catch(() => '');
  return { hostname: hostname(), machineId: id.trim() };
}

/**
 * Makes the store's folders and claims them for this machine. Returns the one for temporary files.
 * Throws `config-invalid` when another machine has claimed the folder, `store-unwritable` or `store-full`.
 */
export async function prepareFolder(folder: string, host: HostIdentity): Promise<TemporaryFolder> {
  await onStore(`make the folder ${folder}`, async () => {
    for (const name of ['sha256', 'tmp', 'aside']) await mkdir(join(folder, name), { recursive: true, mode: 0o700 });
  });
  await claim(folder, host);
  return TemporaryFolder.open(join(folder, 'tmp'));
}

async function claim(folder: string, host: HostIdentity): Promise<void> {
  const marker = join(folder, 'host');
  const mine = `${host.hostname} ${host.machineId}\n`;
  await onStore('claim the folder', async () => {
    const temporary = join(folder, 'tmp', `host-${randomUUID()}`);
    await writeFile(temporary, mine, { flag: 'wx', mode: 0o600, flush: true });
    try {
      await linkNew(temporary, marker);
      await syncFolder(folder);
    } finally {
      await unlink(temporary);
    }
  });
  const owner = await onStore(`read ${marker}`, () => readFile(marker, 'utf8'));
  if (owner === mine) return;
  throw new TriageError(
    'config-invalid',
    `the evidence store ${folder} belongs to the machine "${owner.trim()}", this one is "${mine.trim()}": a folder serves one machine only; ` +
      `use an S3 store for several, or remove ${marker} if the folder was moved here for good`,
  );
}

/** Gives a file its second, final name. Returns false when the name exists; what has it is left alone. */
export async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Makes names in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
