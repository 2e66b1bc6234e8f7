import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { LongestFirst } from './test/longest-first.js';

/** Storms that kill by the clock and tell times ahead: with a busy machine they show something else. */
const storms = ['test/integration/engine/storm.test.ts', 'test/integration/engine/lookup-storm.test.ts'];
/** Sets what all overlay mounts of the machine are made with. */
const kernel = ['test/corpus/metacopy.test.ts'];

/** Tests that wait much and share nothing, as each file has a Redis, servers, folders and mounts of its own: two files at a time. */
const two = { maxWorkers: 2 };
/** Tests that share the lab's two nodes and planted pods, and those that must have the machine to themselves. */
const oneAfterTheOther = { fileParallelism: false };

/**
 * What runs real servers beside other tests meets a busy machine now and then. On the continuous integration such a test is tried once more;
 * test/count.js names those that needed it.
 */
const realParts = { retry: process.env['CI'] === undefined ? 0 : 1 };

let order = 0;
function project(name: string, test: TestProjectInlineConfiguration['test']): TestProjectInlineConfiguration {
  order += 1;
  return { test: { name, setupFiles: ['test/support/equal-bytes.ts', 'test/support/properties.ts'], sequence: { groupOrder: order }, ...test } };
}

// test/run runs `unit` and `integration` beside `e2e` and `corpus`, and after them `storms` and `kernel`, alone.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      project('unit', { ...two, include: ['test/unit/**/*.test.ts'], testTimeout: 120_000 }),
      project('integration', {
        ...two,
        ...realParts,
        include: ['test/integration/**/*.test.ts'],
        exclude: storms,
        testTimeout: 240_000,
        hookTimeout: 120_000,
      }),
      project('e2e', { ...oneAfterTheOther, ...realParts, include: ['test/e2e/**/*.test.ts'], testTimeout: 300_000, hookTimeout: 300_000 }),
      project('corpus', {
        ...oneAfterTheOther,
        ...realParts,
        include: ['test/corpus/**/*.test.ts'],
        exclude: kernel,
        testTimeout: 120_000,
        hookTimeout: 300_000,
      }),
      project('storms', { ...oneAfterTheOther, ...realParts, include: storms, testTimeout: 120_000, hookTimeout: 60_000 }),
      project('kernel', { ...oneAfterTheOther, ...realParts, include: kernel, testTimeout: 60_000, hookTimeout: 300_000 }),
    ],
  },
});
