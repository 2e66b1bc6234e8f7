import type { Artifact, ContentType } from './artifact.js';
import type { WantedHash } from './lookup.js';

/** The sha256 of no bytes at all: nothing can be known of it. */
const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

const rank: Readonly<Record<ContentType, number>> = { elf: 0, script: 1, php: 1, binary: 2, archive: 2, unknown: 2, text: 3, empty: 4 };

/** What a process runs and no file system has goes before all; what it runs of its container's files is mostly the image's own. */
function rankOf({ kind, content, left }: Artifact): number {
  if (kind === 'file') return rank[content];
  return left === true ? 3 : -1;
}

/**
 * The hashes that a run wants to know about, each once and best first: executables that only processes have, then those among the changes,
 * then scripts, then configuration and what cannot be told, then the rest; empty files never.
 */
export function wantedHashes(artifacts: Iterable<Artifact>): WantedHash[] {
  const best = new Map<string, number>();
  for (const artifact of artifacts) {
    const { kind, sha256 } = artifact;
    if ((kind !== 'file' && kind !== 'process-executable') || sha256 === emptySha256) continue;
    best.set(sha256, Math.min(best.get(sha256) ?? Infinity, rankOf(artifact)));
  }
  const sorted = [...best].sort(([a, rankA], [b, rankB]) => rankA - rankB || (a < b ? -1 : 1));
  return sorted.map(([sha256, rank]) => ({ sha256, rank: Math.max(0, Math.min(3, rank)) as WantedHash['rank'] }));
}

/** The hashes that a run may spend a request on: of those that nothing else tells of, the first ones, as many as its budget has. */
export function withinBudget(wanted: readonly WantedHash[], isFree: (sha256: string) => boolean, budget: number): WantedHash[] {
  return wanted.filter(({ sha256 }) => !isFree(sha256)).slice(0, budget);
}
