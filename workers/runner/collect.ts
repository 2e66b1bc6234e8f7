import { TriageError } from '../../playbooks/domain/error.js';
import { displayText } from '../../playbooks/domain/path-name.js';
import type { EvidenceRemover } from '../../store/evidence/keeper.js';
import type { References } from '../../store/references.js';
import type { RunnerDeps } from './deps.js';
import { isDesk } from './keep-answer.js';

/** What one pass does at most: it stands between others, and comes again. */
const passMs = 10_000;
const pageContents = 200;
/** Removals at a time: a disk has to sync each. */
const atOnce = 8;
const maxReleases = 50;
/** When to look again at a run whose chain does not hold, in milliseconds: a key may come late. */
const againMs = 3_600_000;
/** Of a name that somebody may have made up. */
const maxName = 100;

type Collecting = Pick<RunnerDeps, 'alert' | 'amendments' | 'clock' | 'live' | 'logger' | 'ports' | 'references' | 'signed'>;

/**
 * Releases the references of runs whose evidence was destroyed, and removes the bytes that nobody refers to any more. What Redis says of either is
 * not signed: custody must say so, too. Returns how many contents went.
 */
export async function collectEvidence(deps: Collecting): Promise<number> {
  const until = Date.now() + passMs;
  await releaseReferences(deps, until);
  const { keeper } = deps.ports;
  if (keeper === undefined) return 0;
  await keeper.putBack();
  let removed = 0;
  for (let moved = true; moved && Date.now() < until; ) {
    const page = await deps.references.unreferenced(pageContents);
    if (page.length === 0 || !(await isCurrent(deps, until))) break;
    const queue = page.values();
    const lanes = Array.from({ length: atOnce }, () => removeEach(deps, keeper, queue, until));
    const counts = await Promise.all(lanes);
    removed += counts.reduce((sum, each) => sum + each, 0);
    moved = counts.some((count) => count > 0);
  }
  if (removed > 0) deps.logger.info({ removed }, 'evidence that nobody refers to any more was removed');
  return removed;
}

async function releaseReferences(deps: Collecting, until: number): Promise<void> {
  const { references, amendments, logger } = deps;
  for (const id of await references.releasing(maxReleases)) {
    try {
      if (!(await mayRelease(deps, id))) continue;
      await amendments.forget(id);
      while (Date.now() < until && (await references.release(id)));
    } catch (err) {
      logger.error({ err, run: displayText(id).slice(0, maxName) }, 'the references of a run could not be released');
    }
  }
}

/** Whether a run's evidence was destroyed: custody says so. What is no run is the desk. */
async function mayRelease({ alert, clock, references, signed }: Collecting, id: string): Promise<boolean> {
  if (isDesk(id)) return true;
  const run = displayText(id).slice(0, maxName);
  const place = { run, what: 'a release of references' };
  try {
    if (await signed.destroyed(id)) return true;
  } catch (error) {
    if (!isBroken(error)) throw error;
    alert(error, place);
    await references.releaseAt({ id, isRun: true }, clock().getTime() + againMs);
    return false;
  }
  const said = `somebody has written into Redis that the evidence of run ${run} was destroyed, and its chain does not say so; it is kept`;
  alert(new TriageError('custody-broken', said), place);
  await references.keep(id);
  return false;
}

/** Whether all is known that runs refer to. Where the register or a chain does not hold, nobody can say it, and nothing goes. */
async function isCurrent({ alert, live }: Collecting, until: number): Promise<boolean> {
  try {
    return await live.advance(until);
  } catch (error) {
    if (!isBroken(error)) throw error;
    alert(new TriageError('custody-broken', `no evidence is removed for now: ${error.message}`), { what: 'what runs refer to' });
    return false;
  }
}

function isBroken(error: unknown): error is TriageError {
  return error instanceof TriageError && error.code === 'custody-broken';
}

type Candidate = Parameters<References['doom']>[0];

/** Several of these share a queue. Returns how many it has removed. */
async function removeEach(deps: Collecting, keeper: EvidenceRemover, queue: Iterator<Candidate>, until: number): Promise<number> {
  let removed = 0;
  for (let next = queue.next(); next.done !== true && Date.now() < until; next = queue.next()) {
    const candidate = next.value;
    const done = await removeOrKeep(deps, keeper, candidate).catch(async (err: unknown) => {
      deps.logger.error({ err, sha256: candidate.sha256 }, 'bytes that nobody refers to could not be removed');
      await deps.references.putOff(candidate);
      return false;
    });
    if (done) removed += 1;
  }
  return removed;
}

async function removeOrKeep(deps: Collecting, keeper: EvidenceRemover, candidate: Candidate): Promise<boolean> {
  const { live, references } = deps;
  const { sha256 } = candidate;
  const runs = live.referring(sha256);
  if (runs.length > 0) {
    if (!(await references.isReferred(sha256))) await giveBack(deps, sha256, runs);
    // Takes it off the list, as somebody refers to it; where nobody does all the same, the mark ends by itself.
    await references.doom(candidate);
    live.settled(sha256);
    return false;
  }
  if (!live.isQuiet(sha256)) {
    await references.putOff(candidate);
    return false;
  }
  const doomed = await references.doom(candidate);
  if (doomed === undefined) return false;
  await keeper.remove(sha256, () => references.stillDoomed(doomed));
  await references.undoom(doomed);
  live.settled(sha256);
  return true;
}

/** Gives runs the references back that somebody has taken from them. */
async function giveBack({ alert, live, references }: Collecting, sha256: string, before: readonly string[]): Promise<void> {
  // A run whose evidence was destroyed a moment ago has let go of it itself.
  if (!(await live.advance(Date.now() + passMs))) return;
  const now = new Set(live.referring(sha256));
  for (const run of before.filter((each) => now.has(each))) {
    const said = `somebody has written into Redis that run ${run} does not refer to content ${sha256}, and its chain says that it does; it is kept`;
    alert(new TriageError('custody-broken', said), { run, what: 'a reference' });
    // Whatever Redis says of the run itself.
    await references.refer({ id: run, isRun: false }, [sha256]);
  }
}
