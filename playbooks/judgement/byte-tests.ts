import type { ElfFacts } from '../domain/content.js';
import type { Clause, Test } from './clause.js';
import { isKnownGood, type Subject } from './subject.js';

/** Tests of a clause over a subject's bytes and what is known of them. */
export function byteTests({ content, elf, entropyAtLeast, strings, package: states, unlessPackage, lookup, unlessLookup, labels }: Clause): Test[] {
  const tests: Test[] = [];
  if (content !== undefined) tests.push(({ artifact }) => artifact !== undefined && content.includes(artifact.content));
  if (elf !== undefined) tests.push((subject) => subject.content?.elf !== undefined && elf.some((trait) => elfTests[trait](subject.content?.elf)));
  if (entropyAtLeast !== undefined) tests.push((subject) => (subject.content?.entropy ?? -1) >= entropyAtLeast);
  if (strings !== undefined) tests.push((subject) => (subject.content?.strings ?? []).some(({ kind }) => strings.includes(kind)));
  if (states !== undefined) tests.push(({ packageState }) => packageState !== undefined && states.includes(packageState));
  if (unlessPackage !== undefined) tests.push(({ packageState }) => packageState === undefined || !unlessPackage.includes(packageState));
  if (lookup !== undefined) tests.push((subject) => subject.lookup !== undefined && lookup.includes(subject.lookup.status));
  if (unlessLookup !== undefined) tests.push((subject) => !isExcused(subject, unlessLookup));
  if (labels !== undefined) tests.push(labelTest(labels.map((label) => label.toLowerCase())));
  return tests;
}

const elfTests: Readonly<Record<'static' | 'stripped' | 'packed', (elf: ElfFacts | undefined) => boolean>> = {
  static: (elf) => elf?.static === true,
  stripped: (elf) => elf?.stripped === true,
  packed: (elf) => elf?.packed !== undefined,
};

function isExcused(subject: Subject, statuses: NonNullable<Clause['unlessLookup']>): boolean {
  if (subject.lookup !== undefined && statuses.includes(subject.lookup.status)) return true;
  return statuses.includes('known-good') && isKnownGood(subject);
}

function labelTest(wanted: readonly string[]): Test {
  return ({ lookup }) => {
    const said = `${lookup?.label ?? ''} ${lookup?.name ?? ''}`.toLowerCase();
    return wanted.some((each) => said.includes(each));
  };
}
