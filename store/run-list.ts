import { reaches } from '../playbooks/domain/access.js';
import { idOfCursor } from './id-page.js';
import { firstIdOf } from './run-id.js';
import type { RunRecord } from './run-record.js';
import type { RunFilter } from './run-view.js';

const idForm = /^r[0-9a-z]{1,40}$/;

/** So long before it is opened a run can have its id: who was cut off tries again with the same one, and a batch makes those of all its runs at once. */
const madeAheadMs = 7 * 24 * 60 * 60_000;

/**
 * Where in the order of ids, newest first, a list begins and ends, as Redis takes it for ZRANGE BYLEX REV. The bounds of time let more runs in than
 * fit, and none out whose id was made in the week before it was opened. Throws `invalid-request` for a cursor that no list has given.
 */
export function rangeOf({ from, to }: Pick<RunFilter, 'from' | 'to'>, cursor?: string): [newest: string, oldest: string] {
  const newest = to === undefined ? '+' : `(${firstIdOf(to.getTime() + 1)}`;
  const after = cursor === undefined ? newest : `(${idOfCursor(cursor, idForm)}`;
  return [newest !== '+' && newest < after ? newest : after, from === undefined ? '-' : `[${firstIdOf(from.getTime() - madeAheadMs)}`];
}

/** Says whether a run is one of those that are asked for. */
export function fits(
  { request, origin, state, verdict, createdAt }: Pick<RunRecord, 'request' | 'origin' | 'state' | 'verdict' | 'createdAt'>,
  filter: RunFilter,
): boolean {
  const { target, caseId } = request;
  const { reach, from, to } = filter;
  const pairs: readonly (readonly [wanted: string | undefined, is: string | undefined])[] = [
    [filter.cluster, target.cluster],
    [filter.namespace, target.namespace],
    [filter.pod, target.pod],
    [filter.caseId, caseId],
    [filter.state, state],
    [filter.verdict, verdict],
    [filter.batch, origin?.batch],
  ];
  const at = Date.parse(createdAt);
  return (
    reaches(reach, target) &&
    pairs.every(([wanted, is]) => wanted === undefined || wanted === is) &&
    (from === undefined || at >= from.getTime()) &&
    (to === undefined || at <= to.getTime())
  );
}
