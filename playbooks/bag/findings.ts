/** What is checked of a bag or a run, in the order in which it is told. */
export const checkNames = [
  'structure',
  'declaration',
  'payload',
  'tags',
  'keys',
  'chain',
  'checkpoint',
  'contents',
  'register',
  'records',
  'artifacts',
  'reports',
  'facts',
] as const;
export type CheckName = (typeof checkNames)[number];

/** Why it matters where a check fails: one sentence for who has to decide whether to believe the bag. */
const reasons: Readonly<Record<CheckName, string>> = {
  structure: 'What does not belong into a bag can hide, replace or smuggle something, and tools do not agree on what to make of it.',
  declaration: 'The description of the bag is no longer the one that was signed with the request, so it may point at another case.',
  payload: 'A file is not the one that was packed, so nothing that it says may be relied upon.',
  tags: 'The list of files has been changed after the bag was made.',
  keys: 'Without the right public key a signature proves nothing.',
  chain: 'Acts have been altered, added, dropped or re-ordered since they were recorded.',
  checkpoint: 'The end of the chain is not the one that was signed, so acts may have been cut off or put on.',
  contents: 'The bag holds other files than those that were signed when it was exported.',
  register: 'The register shows that a run existed and how its chain ended; without it a run can be passed off for another, or vanish.',
  records: 'What the run has written down is not what was signed when it was written.',
  artifacts: 'Evidence is missing, exchanged, or not what was acquired.',
  reports: 'The report is not the one that the run has written.',
  facts: 'The report says something that the signed records of the run do not.',
};

/** Where something is wrong. */
export interface Place {
  /** Path in the bag, or what was read instead of a file. */
  readonly file: string;
  /** Of the entry, in a chain. */
  readonly seq?: number;
}

/** One thing that is wrong. */
export interface Problem {
  readonly check: CheckName;
  readonly where: Place;
  /** Not yet safe to print. */
  readonly what: string;
  readonly why: string;
}

/** What a check has looked at. */
export interface CheckResult {
  readonly name: CheckName;
  /** How many things it has looked at. */
  readonly checked: number;
  readonly problems: number;
}

/** Of each check so many problems are kept; the others are counted. */
const maxProblems = 50;

/** Gathers what checks find; none of them ends the others. */
export class Findings {
  readonly #problems: Problem[] = [];
  readonly #counts = new Map<CheckName, { checked: number; problems: number }>();

  /** Notes that a check has looked at something. */
  checked(name: CheckName, count = 1): void {
    this.#of(name).checked += count;
  }

  /** @param where a path, or a place in a chain */
  problem(check: CheckName, where: string | Place, what: string): void {
    const count = this.#of(check);
    count.problems += 1;
    if (count.problems > maxProblems) return;
    this.#problems.push({ check, where: typeof where === 'string' ? { file: where } : where, what, why: reasons[check] });
  }

  /** Problems so far, of one check or of all. */
  count(check?: CheckName): number {
    if (check !== undefined) return this.#counts.get(check)?.problems ?? 0;
    return [...this.#counts.values()].reduce((sum, { problems }) => sum + problems, 0);
  }

  /** What is kept of them, in the order of the checks. */
  problems(): Problem[] {
    const place = (name: CheckName): number => checkNames.indexOf(name);
    return [...this.#problems].sort((a, b) => place(a.check) - place(b.check));
  }

  /** The checks that have looked at something. */
  checks(): CheckResult[] {
    return checkNames.flatMap((name) => {
      const count = this.#counts.get(name);
      return count === undefined ? [] : [{ name, ...count }];
    });
  }

  #of(name: CheckName): { checked: number; problems: number } {
    const found = this.#counts.get(name) ?? { checked: 0, problems: 0 };
    this.#counts.set(name, found);
    return found;
  }
}
