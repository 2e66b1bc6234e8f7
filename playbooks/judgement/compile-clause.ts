import type { Change } from '../domain/change.js';
import { byteTests } from './byte-tests.js';
import { changeTests } from './change-tests.js';
import type { Clause, Test } from './clause.js';
import { placeTests } from './place-tests.js';
import { processTests } from './process-tests.js';

/** Compiles a clause to one test. Placeholders of the runtime and of mounts, which hold no bytes, fit nothing. */
export function compileClause(clause: Clause): Test {
  const tests = [...changeTests(clause), ...processTests(clause), ...byteTests(clause), ...placeTests(clause)];
  return (subject) => (subject.change === undefined || !isPlaceholder(subject.change)) && tests.every((test) => test(subject));
}

function isPlaceholder({ origin, type, size = 0 }: Change): boolean {
  return origin !== 'container' && !(type === 'file' && size > 0);
}
