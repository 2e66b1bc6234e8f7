import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.js';

// Integration tests mostly wait, and each file has a Redis, servers, folders and mounts of its own: two files at a time. Those that have the
// lab share its two nodes and its planted pods, and go one after the other.
const two = { maxWorkers: 2 };
const oneAfterTheOther = { fileParallelism: false };

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 60_000, ...two, sequence: { groupOrder: 1 } } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          ...two,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          ...oneAfterTheOther,
          sequence: { groupOrder: 3 },
        },
      },
      {
        test: {
          name: 'corpus',
          include: ['test/corpus/**/*.test.ts'],
          exclude: ['test/corpus/metacopy.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 300_000,
          ...oneAfterTheOther,
          sequence: { groupOrder: 4 },
        },
      },
      // Sets what all overlay mounts of the machine are made with: nothing may run beside it.
      {
        test: {
          name: 'kernel',
          include: ['test/corpus/metacopy.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 300_000,
          ...oneAfterTheOther,
          sequence: { groupOrder: 5 },
        },
      },
    ],
  },
});
