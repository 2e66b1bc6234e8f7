import { createHash } from 'node:crypto';
import type { BatchTarget } from '../playbooks/fleet/target.js';
import { newRunId, runIdOf } from './run-id.js';

/** Makes a batch id: `b`, and the rest of a run id. Sorts by time. */
export function newBatchId(now: Date): string {
  return `b${newRunId(now).slice(1)}`;
}

/** Says whether a text can be the id of a batch. */
export function isBatchId(text: string): boolean {
  return /^b[0-9a-hjkmnp-tv-z]{19}$/.test(text);
}

/**
 * The id of a pod's run in a batch. It follows from what is signed alone, so that nobody who is cut off, or who writes to Redis, can have a second
 * run opened.
 * @param at ISO 8601: when the pod was found, or the retry asked for
 * @param retry number of the retry; 0: none
 */
export function batchRunId(batch: string, { namespace, pod, container = '', uid = '' }: BatchTarget, retry: number, at: string): string {
  const digest = createHash('sha256').update([batch, namespace, pod, container, uid, String(retry)].join('\0'));
  return runIdOf(Date.parse(at), digest.digest());
}
