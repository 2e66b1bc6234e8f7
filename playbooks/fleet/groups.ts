import type { Owner } from '../domain/batch.js';
import type { BatchTarget } from './target.js';

/** Pods that should be alike. */
export interface FleetGroup {
  readonly namespace: string;
  readonly owner?: Owner;
  readonly images: string[];
  readonly pods: number;
}

/** Groups pods by their owner; those that nobody owns by namespace and images. Pods of different images of one owner (a roll-out) are alike all the same. */
export function groupsOf(targets: readonly BatchTarget[]): {
  readonly all: readonly FleetGroup[] /** Of each pod. */;
  readonly of: readonly number[];
} {
  const numbers = new Map<string, number>();
  const all: { namespace: string; owner?: Owner; images: Set<string>; pods: number }[] = [];
  const of = targets.map(({ namespace, owner, images }) => {
    const key = JSON.stringify([namespace, owner === undefined ? images : [owner.kind, owner.name]]);
    const number = numbers.get(key) ?? all.length;
    numbers.set(key, number);
    const group = (all[number] ??= { namespace, ...(owner === undefined ? {} : { owner }), images: new Set(), pods: 0 });
    for (const image of images) group.images.add(image);
    group.pods += 1;
    return number;
  });
  return { all: all.map((group) => ({ ...group, images: [...group.images].sort().slice(0, 200) })), of };
}
