import { reaches } from '../playbooks/domain/access.js';
import { TriageError } from '../playbooks/domain/error.js';
import { firstIdOf } from './run-id.js';
import type { RunRecord } from './run-record.js';
import type { RunFilter } from './run-view.js';

/** So long before it is opened a run can have its id: who was cut off tries again with the same one, and a batch makes those of all its runs at once. */
const madeAheadMs = 7 * 24 * 60 * 60_000;

/**
 * Where in the order of ids, newest first, a list begins and ends, as Redis takes it for ZRANGE BYLEX REV. The bounds of time let more runs in than
 * fit, and none out whose id was made in the week before it was opened. Throws `invalid-request` for a cursor that no list has given.
 */
export function rangeOf({ from, to }: Pick<RunFilter, 'from' | 'to'>, cursor?: string): [newest: string, oldest: string] {
  const newest = to === undefined ? '+' : `(${firstIdOf(to.getTime() + 1)}`;
  const after = cursor === undefined ? newest : `(${idOf(cursor)}`;
  return [newest !== '+' && newest < after ? newest : after, from === undefined ? '-' : `[${firstIdOf(from.getTime() - madeAheadMs)}`];
}

/** The cursor of the page that goes on before this run, given as {@link rangeOf} gives it. */
export function cursorOf(before: string): string {
  return Buffer.from(before.slice(1)).toString('base64url');
}

function idOf(cursor: string): string {
  const id = Buffer.from(cursor, 'base64url').toString();
  if (!/^r[0-9a-z]{1,40}$/.test(id)) throw new TriageError('invalid-request', 'the cursor is not one that this list has given');
  return id;
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
