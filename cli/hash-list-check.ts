import { openHashLists, type WorkerConfig } from '../workers/context.js';
import type { DoctorFinding } from './commands/doctor.js';

/** Loads the hash lists and says how many hashes each has. A list that cannot be loaded is thrown: the service would not start with it. */
export async function checkHashLists(config: Pick<WorkerConfig, 'hashLists'>, signal: AbortSignal): Promise<DoctorFinding> {
  const { lists } = await openHashLists(config, signal);
  if (lists.length === 0) return { ok: true, found: 'none (PODTRIAGE_HASHES_GOOD, PODTRIAGE_HASHES_BAD)' };
  const empty = lists.filter(({ hashes }) => hashes === 0).map(({ list }) => list);
  const found = lists.map(({ list, says, hashes }) => `${list}: ${hashes} ${says}`).join(', ');
  return empty.length === 0 ? { ok: true, found } : { ok: 'warn', found, todo: `no hash in ${empty.join(', ')}: one sha256 a line is expected` };
}
