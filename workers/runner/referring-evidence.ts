import { setTimeout as sleep } from 'node:timers/promises';
import { afterMs } from '../../playbooks/domain/abort.js';
import type { Artifact } from '../../playbooks/domain/artifact.js';
import { throwIfAborted } from '../../playbooks/domain/error.js';
import type { EvidencePort, StagedEvidence, StoredEvidence } from '../../playbooks/ports.js';
import { type References, type Referrer, removalTimes } from '../../store/references.js';
import { Gathered } from './gathered.js';

/** How long bytes wait for the removal of their like: longer than any removal may take. */
const waitMs = 2 * removalTimes.doomedMs;
const pollMs = 50;

/** The evidence store as one run sees it. */
export interface ReferringEvidence extends EvidencePort {
  /** To be called before contents are recorded. Throws `stale-attempt` when the run's evidence was destroyed. */
  refer(contents: readonly string[]): Promise<void>;
}

/** The contents that artifacts rely on: of what policy left on the node the store has none. */
export function contentsOf(artifacts: readonly Artifact[]): string[] {
  return artifacts.flatMap(({ sha256, left }) => (left === true ? [] : [sha256]));
}

/**
 * Puts references between a run and the evidence store: before it is told that the store has a content, and before bytes are kept for it, it
 * refers to them. Questions that are asked together are one question to Redis.
 */
export function referringEvidence(evidence: EvidencePort, references: References, by: Referrer, signal: AbortSignal): ReferringEvidence {
  const safe = new Set<string>();
  const gathered = new Gathered((contents) => references.refer(by, contents));
  /** Whether the store may be believed: false while a content is being removed. */
  const refer = async (sha256: string): Promise<boolean> => {
    if (safe.has(sha256)) return true;
    if (await gathered.ask(sha256)) return false;
    safe.add(sha256);
    return true;
  };
  const untilGone = async (sha256: string, own: AbortSignal | undefined): Promise<void> => {
    const late = afterMs(waitMs, `content ${sha256} is being removed from the evidence store for too long`);
    const any = AbortSignal.any(own === undefined ? [signal, late] : [signal, own, late]);
    do await sleep(pollMs, undefined, { signal: any }).catch(() => throwIfAborted(any));
    while (!(await refer(sha256)));
  };
  const keep = async (staged: StagedEvidence, own: AbortSignal | undefined): Promise<StoredEvidence> => {
    try {
      if (!(await refer(staged.sha256))) await untilGone(staged.sha256, own);
    } catch (error) {
      await staged.discard();
      throw error;
    }
    const stored = await staged.keep(own);
    // The run's evidence may have been destroyed while this process was suspended: then the bytes are not to stay.
    await gathered.ask(staged.sha256);
    return stored;
  };
  const stage: EvidencePort['stage'] = async (...from) => {
    const staged = await evidence.stage(...from);
    return { ...staged, keep: (own) => keep(staged, own) };
  };
  return {
    has: async (sha256) => (await refer(sha256)) && (await evidence.has(sha256)),
    open: (sha256) => evidence.open(sha256),
    stage,
    put: async (source, own, expected) => (await stage(source, own, expected)).keep(own),
    refer: async (contents) => {
      await Promise.all(contents.map((sha256) => refer(sha256)));
    },
  };
}
