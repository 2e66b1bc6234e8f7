import type { Change } from '../domain/change.js';
import { pathBytes } from '../domain/path-name.js';
import type { Clause, Test } from './clause.js';
import { compileGlobs } from './glob.js';
import type { Subject } from './subject.js';

const bits = { setuid: 0o4000, setgid: 0o2000 } as const;
const day = 86_400_000;

type ChangeTest = (change: Change, subject: Subject) => boolean;

/** Tests of a clause over the row of a changed path. */
export function changeTests(clause: Clause): Test[] {
  const { kinds, types, gained, targets, runnable, shorter, rotated, times } = clause;
  const tests: ChangeTest[] = [];
  if (kinds !== undefined) tests.push(({ kind }) => kinds.includes(kind));
  if (types !== undefined) tests.push(({ type }) => type === 'unknown' || types.includes(type));
  if (gained !== undefined) tests.push((change) => gained.some((right) => hasGained(change, right)));
  if (runnable !== undefined) tests.push(({ mode }) => mode !== undefined && isRunnable(mode) === runnable);
  if (shorter !== undefined) tests.push(isShorter);
  if (rotated !== undefined) tests.push((_change, subject) => subject.rotated !== true);
  if (times !== undefined) tests.push((change, subject) => times.some((time) => timeTests[time](change, subject)));
  if (targets !== undefined) tests.push(targetTest(compileGlobs(targets)));
  return tests.map(
    (test) =>
      (subject: Subject): boolean =>
        subject.change !== undefined && test(subject.change, subject),
  );
}

function targetTest(expression: RegExp): ChangeTest {
  return ({ target }) => target !== undefined && expression.test(pathBytes(target).toString('latin1'));
}

function isRunnable(mode: string): boolean {
  return (Number.parseInt(mode, 8) & 0o111) !== 0;
}

function isShorter({ kind, type, size, sizeBefore }: Change): boolean {
  return kind === 'changed' && type === 'file' && size !== undefined && sizeBefore !== undefined && size < sizeBefore;
}

const timeTests: Readonly<Record<'kept' | 'older', ChangeTest>> = { kept: keptItsTime, older: isOlderThanItCanBe };

/** Without the image's bytes, another content is told by its size, or by packages. */
function keptItsTime({ kind, type, metadataOnly, size, sizeBefore, mtime, mtimeBefore }: Change, { packageState }: Subject): boolean {
  if (kind !== 'changed' || type !== 'file' || metadataOnly === true || mtime === undefined || mtime !== mtimeBefore) return false;
  return (sizeBefore !== undefined && size !== sizeBefore) || packageState === 'differs';
}

function isOlderThanItCanBe({ kind, type, metadataOnly, renamedFrom, mtime, mtimeBefore, ctime }: Change, { phase }: Subject): boolean {
  if (phase !== 'later' || kind === 'deleted' || type !== 'file' || metadataOnly === true || renamedFrom !== undefined) return false;
  if (mtime === undefined || ctime === undefined || mtime === mtimeBefore) return false;
  return Date.parse(ctime) - Date.parse(mtime) >= day;
}

function hasGained({ mode = '0000', modeBefore = '0000', ...change }: Change, right: keyof typeof bits | 'capabilities'): boolean {
  if (right === 'capabilities') return gainedCapabilities(change);
  return (Number.parseInt(mode, 8) & bits[right]) !== 0 && (Number.parseInt(modeBefore, 8) & bits[right]) === 0;
}

/** The image's are told only where they are others. */
function gainedCapabilities({ kind, capabilities, capabilitiesBefore, renamedFrom }: Omit<Change, 'mode' | 'modeBefore'>): boolean {
  if (capabilities === undefined) return false;
  return capabilitiesBefore !== undefined || (kind !== 'changed' && renamedFrom === undefined);
}
