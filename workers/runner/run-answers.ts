import type { Lookup, WantedHash } from '../../playbooks/domain/lookup.js';
import { beyondBudget } from '../../playbooks/domain/lookup-notes.js';
import { withinBudget } from '../../playbooks/domain/lookup-order.js';
import type { RunInfo } from '../../playbooks/ports.js';
import type { RunnerDeps } from './deps.js';

type Answers = ReadonlyMap<string, Lookup>;

/**
 * The answers that are there for a step of a run: of hash lists, of the desk as the run first saw them, and `not-asked` for what its budget
 * does not reach. What is not among them is still waited for. The first call chooses what the budget goes to; all later ones,
 * of any worker and attempt, abide by it.
 */
export async function answersFor(deps: RunnerDeps, info: RunInfo, step: string, wanted: readonly WantedHash[]): Promise<Answers> {
  const { lookups, ports } = deps;
  const now = deps.clock().toISOString();
  const listed = listAnswers(deps, wanted, now);
  const open = wanted.filter(({ sha256 }) => !listed.has(sha256));
  if (ports.intel === undefined) return new Map([...listed, ...notAsked(open, 'no intelligence source is configured', now)]);
  const seen = await seenAnswers(
    deps,
    info.id,
    open.map(({ sha256 }) => sha256),
  );
  const known = await lookups.asking(info.id, step);
  const asking = known ?? (await lookups.choose(info.id, step, withinBudget(open, isFree(seen), info.request.options.lookups.budget)));
  const asked = new Set(asking.map(({ sha256 }) => sha256));
  const left = open.filter(({ sha256 }) => !asked.has(sha256) && !seen.has(sha256));
  return new Map([...listed, ...seen, ...notAsked(left, beyondBudget, now)]);
}

/** The answers of the desk as this run first saw them: one that was there before the run asked was got without a request of its own. */
export async function seenAnswers({ desk, lookups }: RunnerDeps, run: string, hashes: readonly string[]): Promise<Answers> {
  const seen = await lookups.seen(run, hashes);
  const fresh = await desk.answers(hashes.filter((sha256) => !seen.has(sha256)));
  if (fresh.size === 0) return seen;
  const asked = await lookups.askedSince(run);
  const answers = [...fresh.values()].map((answer) => ({ ...answer, cached: asked === undefined || answer.askedAt < asked }));
  await lookups.see(run, answers);
  return new Map([...seen, ...answers.map((answer) => [answer.sha256, answer] as const)]);
}

/** A failure that is remembered may be over by the time it is asked again, and then costs a request. */
function isFree(seen: Answers): (sha256: string) => boolean {
  return (sha256) => seen.has(sha256) && seen.get(sha256)?.status !== 'error';
}

function listAnswers({ ports }: RunnerDeps, wanted: readonly WantedHash[], askedAt: string): Map<string, Lookup> {
  const answers = new Map<string, Lookup>();
  for (const { sha256 } of wanted) {
    const found = ports.hashLists?.find(sha256);
    if (found === undefined) continue;
    const status = found.says === 'bad' ? 'known-bad' : 'known-good';
    answers.set(sha256, { sha256, source: `list:${found.list}`, status, askedAt, cached: false });
  }
  return answers;
}

function notAsked(wanted: readonly WantedHash[], reason: string, askedAt: string): Map<string, Lookup> {
  return new Map(wanted.map(({ sha256 }) => [sha256, { sha256, source: 'none', status: 'not-asked', reason, askedAt, cached: false }]));
}
