import type { Clause, Test } from './clause.js';
import { compileGlobs } from './glob.js';
import { wears } from './masks.js';
import { lastName, rawPathOf, sourceOf } from './subject.js';

/** Tests of a clause over where a subject lies, how it is called and when it came. */
export function placeTests({ places, paths, names, except, masks, since }: Clause): Test[] {
  const tests: Test[] = [];
  if (since !== undefined) tests.push(({ phase }) => since.includes(phase ?? 'unknown'));
  if (places !== undefined) tests.push((subject) => places.some((kind) => sourceOf(subject)?.place.kind === kind));
  if (names !== undefined) tests.push(pathTest(compileGlobs(names), lastName));
  if (masks !== undefined) tests.push((subject) => masks.some((mask) => wears(mask, subject)));
  if (paths !== undefined) tests.push(pathTest(compileGlobs(paths)));
  if (except !== undefined) {
    const unwanted = pathTest(compileGlobs(except));
    tests.push((subject) => !unwanted(subject));
  }
  return tests;
}

function pathTest(expression: RegExp, part: (path: string) => string = (path) => path): Test {
  return (subject) => {
    const path = rawPathOf(subject);
    return path !== undefined && expression.test(part(path));
  };
}
