import type { Lookup } from '../domain/lookup.js';
import { beyondBudget, withoutLookupGaps } from '../domain/lookup-notes.js';
import type { Gap } from '../domain/run.js';
import { shortText } from '../domain/short-text.js';
import { isKnownGood, type Subject } from './subject.js';
import { countOf, listOf } from './words.js';

const executable: ReadonlySet<string> = new Set(['elf', 'script', 'php']);

/** Why there is no answer. `budget`: the run may ask about so many hashes only, and the best went first. */
const reasons = ['error', 'pending', 'budget', 'not-asked'] as const;
type Reason = (typeof reasons)[number];

/** Counts what keeps a run from saying that nothing was found. */
export class Doubts {
  /** By hash; where several sources leave one open, the reason that comes first. */
  readonly #open = new Map<string, Reason>();
  #unknownExecutables = 0;
  #unknownKinds = 0;
  #unasked = 0;
  #unseen = 0;

  add(subject: Subject): void {
    const { change, artifact, lookup, process } = subject;
    if (lookup !== undefined) this.lookup(lookup);
    if (artifact === undefined) {
      if (change !== undefined && isUnseen(change)) this.#unseen += 1;
      return;
    }
    if (lookup === undefined && artifact.size > 0) this.#unasked += 1;
    if (lookup?.status !== 'unknown' || !isOwn(process) || isKnownGood(subject)) return;
    if (executable.has(artifact.content)) this.#unknownExecutables += 1;
    // Its bytes stayed on the node: it can be a program as well as anything else.
    if (artifact.content === 'unknown') this.#unknownKinds += 1;
  }

  /** Takes an answer, whether or not any file goes with it. */
  lookup(lookup: Lookup): void {
    const reason = reasonOf(lookup);
    if (reason === undefined) return;
    const other = this.#open.get(lookup.sha256);
    if (other === undefined || reasons.indexOf(reason) < reasons.indexOf(other)) this.#open.set(lookup.sha256, reason);
  }

  /** In words, the heaviest first; empty when everything was looked at. */
  words(gaps: readonly Gap[], failedSteps: readonly string[]): string[] {
    const failed = failedSteps.map((step) => shortText(step, 60));
    const count = (reason: Reason): number => [...this.#open.values()].filter((each) => each === reason).length;
    return [
      failed.length === 0 ? '' : `${failed.length === 1 ? 'step' : 'steps'} ${listOf(failed.slice(0, 10))} did not succeed`,
      phrase(this.#unknownExecutables, 'program or script is unknown to every source', 'programs and scripts are unknown to every source'),
      phrase(
        this.#unknownKinds,
        'file that was hashed and not looked into is unknown to every source',
        'files that were hashed and not looked into are unknown to every source',
      ),
      phrase(this.#unseen, 'changed file could not be read or was left out', 'changed files could not be read or were left out'),
      phrase(this.#unasked, 'file was not looked up', 'files were not looked up'),
      phrase(count('pending'), 'lookup is still waiting', 'lookups are still waiting'),
      phrase(count('error'), 'lookup failed', 'lookups failed'),
      phrase(count('budget'), 'hash is beyond the budget of lookups', 'hashes are beyond the budget of lookups'),
      phrase(count('not-asked'), 'hash was not asked about', 'hashes were not asked about'),
      phrase(withoutLookupGaps(gaps).length, 'thing could not be had', 'things could not be had'),
    ].filter((words) => words !== '');
  }
}

function reasonOf({ status, reason }: Lookup): Reason | undefined {
  if (status === 'error' || status === 'pending') return status;
  if (status !== 'not-asked') return undefined;
  return reason === beyondBudget ? 'budget' : 'not-asked';
}

/**
 * Whether what a process runs is not of the image. A program that lies on the container's root file system is either the image's, which many
 * sources will not know, or among the changes.
 */
function isOwn(process: Subject['process']): boolean {
  if (process === undefined) return true;
  const { state, filesystem } = process.executable;
  return state !== 'present' || filesystem === 'tmpfs' || filesystem === 'ramfs';
}

/** A file whose bytes nobody has looked at. Placeholders and empty files have none; places that are only listed are named as blind spots. */
function isUnseen({ kind, type, origin, size, listedOnly }: NonNullable<Subject['change']>): boolean {
  if (kind === 'deleted' || size === 0 || listedOnly === true) return false;
  return type === 'file' || (type === 'unknown' && origin === 'container');
}

function phrase(count: number, one: string, many: string): string {
  return count === 0 ? '' : countOf(count, one, many);
}
