import type { EvidenceRemover } from '../../store/evidence/keeper.js';
import type { References } from '../../store/references.js';
import type { RunnerDeps } from './deps.js';

/** What one pass does at most: it stands between others, and comes again. */
const passMs = 10_000;
const pageContents = 200;
/** Removals at a time: a disk has to sync each. */
const atOnce = 8;
const maxReleases = 50;

type Collecting = Pick<RunnerDeps, 'amendments' | 'logger' | 'ports' | 'references'>;

/** Releases the references of runs whose evidence was destroyed, and removes the bytes that nobody refers to any more. Returns how many contents went. */
export async function collectEvidence(deps: Collecting): Promise<number> {
  const until = Date.now() + passMs;
  await releaseReferences(deps, until);
  const { keeper } = deps.ports;
  if (keeper === undefined) return 0;
  await keeper.putBack();
  let removed = 0;
  for (let moved = true; moved && Date.now() < until; ) {
    const page = await deps.references.unreferenced(pageContents);
    const queue = page.values();
    const lanes = Array.from({ length: atOnce }, () => removeEach(deps, keeper, queue, until));
    const counts = await Promise.all(lanes);
    removed += counts.reduce((sum, each) => sum + each, 0);
    moved = counts.some((count) => count > 0);
  }
  if (removed > 0) deps.logger.info({ removed }, 'evidence that nobody refers to any more was removed');
  return removed;
}

async function releaseReferences({ references, amendments, logger }: Collecting, until: number): Promise<void> {
  for (const id of await references.releasing(maxReleases)) {
    try {
      await amendments.forget(id);
      while (Date.now() < until && (await references.release(id)));
    } catch (err) {
      logger.error({ err, run: id }, 'the references of a run could not be released');
    }
  }
}

type Candidate = Parameters<References['doom']>[0];

/** Several of these share a queue. Returns how many it has removed. */
async function removeEach(deps: Collecting, keeper: EvidenceRemover, queue: Iterator<Candidate>, until: number): Promise<number> {
  let removed = 0;
  for (let next = queue.next(); next.done !== true && Date.now() < until; next = queue.next()) {
    const candidate = next.value;
    const done = await remove(deps, keeper, candidate).catch(async (err: unknown) => {
      deps.logger.error({ err, sha256: candidate.sha256 }, 'bytes that nobody refers to could not be removed');
      await deps.references.putOff(candidate);
      return false;
    });
    if (done) removed += 1;
  }
  return removed;
}

async function remove({ references }: Collecting, keeper: EvidenceRemover, candidate: Candidate): Promise<boolean> {
  const doomed = await references.doom(candidate);
  if (doomed === undefined) return false;
  await keeper.remove(doomed.sha256, () => references.stillDoomed(doomed));
  await references.undoom(doomed);
  return true;
}
