import fc from 'fast-check';
import { expect, test } from 'vitest';
import { spread } from '../../../playbooks/fleet/spread.js';

const nodes = fc.array(fc.constantFrom('a', 'b', 'c', undefined), { maxLength: 60 });

test('each pod is taken once, and no node is taken from again before all that have as many left were', () => {
  fc.assert(
    fc.property(nodes, (list) => {
      const targets = list.map((node) => (node === undefined ? {} : { node }));
      const order = spread(targets);
      expect([...order].sort((a, b) => a - b)).toEqual(list.map((_, at) => at));
      const taken = new Map<string, number>();
      const all = new Map<string, number>();
      for (const node of list) all.set(node ?? '', (all.get(node ?? '') ?? 0) + 1);
      for (const at of order) {
        const node = list[at] ?? '';
        const turn = (taken.get(node) ?? 0) + 1;
        taken.set(node, turn);
        // Every other node has had its turn before this one, or has no more pods.
        for (const [other, size] of all) expect(taken.get(other) ?? 0).toBeGreaterThanOrEqual(Math.min(size, turn - 1));
      }
    }),
  );
});
