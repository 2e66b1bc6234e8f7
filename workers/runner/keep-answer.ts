import type { StoredEvidence } from '../../playbooks/ports.js';
import type { RunnerDeps } from './deps.js';
import { referringEvidence } from './referring-evidence.js';

/** Longer than the desk may keep an answer (90 days), and than a run that has seen it may take to record it. */
const keptMs = 92 * 86_400_000;

/** Whether who refers to contents is the desk on some day: no run has such an id. */
export function isDesk(id: string): boolean {
  return /^desk-\d{4}-\d{2}-\d{2}$/.test(id);
}

/**
 * Keeps an answer of an intelligence source. All runs share it, and none may have recorded it yet: the desk refers to it, day by day, until
 * no run can take it from there any more.
 */
export async function keepAnswer({ ports, references, clock }: RunnerDeps, raw: Uint8Array, signal: AbortSignal): Promise<StoredEvidence> {
  const now = clock();
  const desk = { id: `desk-${now.toISOString().slice(0, 10)}`, isRun: false };
  await references.releaseAt(desk, now.getTime() + keptMs);
  return referringEvidence(ports.evidence, references, desk, signal).put([raw], signal);
}
