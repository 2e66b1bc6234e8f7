import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that take minutes, the longest first: begun last, all else would be done long before them. */
const long = ['custody/storm.test.ts', 'engine/life-storm.test.ts', 'engine/uploads.test.ts', 'bag/interrupted.test.ts'];

/** Vitest's own order of test files, which knows how long each took the last time, with the longest ones first in a clean clone, too. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = long.findIndex((end) => moduleId.endsWith(end));
      return at < 0 ? long.length : at;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
