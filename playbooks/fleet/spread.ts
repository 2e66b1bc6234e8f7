import type { BatchTarget } from './target.js';

/**
 * The order in which the pods of a batch are taken: their numbers, one of each node in turn, so that no node gets many at once and all are
 * worked on. Nodes with more pods than others come alone in the end.
 */
export function spread(targets: readonly Pick<BatchTarget, 'node'>[]): readonly number[] {
  const turns = new Map<string, number>();
  const places = targets.map(({ node = '' }, at) => {
    const turn = turns.get(node) ?? 0;
    turns.set(node, turn + 1);
    return { at, turn };
  });
  return places.sort((a, b) => a.turn - b.turn || a.at - b.at).map(({ at }) => at);
}
