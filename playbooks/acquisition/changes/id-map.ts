import type { IdRange, NodeContainer } from '../../facts.js';

/** What the kernel shows for an owner that a user namespace has no number for (user_namespaces(7), overflowuid). */
const overflowId = 65_534;

/** Owners as the container sees them, from those on the node. */
export function ownersSeen(
  { uid, gid }: { readonly uid: number; readonly gid: number },
  idMaps: NodeContainer['idMaps'],
): { uid: number; gid: number } {
  return idMaps === undefined ? { uid, gid } : { uid: seenAs(uid, idMaps.uids), gid: seenAs(gid, idMaps.gids) };
}

function seenAs(id: number, ranges: readonly IdRange[]): number {
  return idInside(id, ranges) ?? overflowId;
}

/** The number that a user namespace has for an id of the node; undefined where it has none. */
export function idInside(id: number, ranges: readonly IdRange[]): number | undefined {
  const range = ranges.find(({ node, size }) => id >= node && id < node + size);
  return range === undefined ? undefined : range.container + id - range.node;
}
