import type { Lookup } from './lookup.js';
import type { Gap, Limit } from './run.js';

/** The reason of hashes that were not asked about because the run's budget was spent on better ones. */
export const beyondBudget = 'budget';

const subject = /^\d+ lookups?$/;

/** Says whether a gap or limit counts answers that are missing: what reads the lookups themselves knows of them already. */
export function isLookupGap(gap: Pick<Gap, 'subject'>): boolean {
  return subject.test(gap.subject);
}

/** Gaps or limits that are not about missing answers: those are counted by what reads the lookups, not twice. */
export function withoutLookupGaps<T extends Pick<Gap, 'subject'>>(rows: readonly T[]): T[] {
  return rows.filter((row) => !isLookupGap(row));
}

/** What of a run's lookups could not be had, one row for each reason, and what its budget left out. */
export function notesOf(lookups: readonly Lookup[]): { gaps: Gap[]; limits: Limit[] } {
  const gaps = [...errorRows(lookups)];
  const pending = lookups.filter(({ status }) => status === 'pending').length;
  if (pending > 0) gaps.push({ subject: counted(pending), reason: 'pending', detail: 'no answer came before the deadline' });
  const left = lookups.filter(({ status, reason }) => status === 'not-asked' && reason === beyondBudget).length;
  if (left === 0) return { gaps, limits: [] };
  const detail = 'not asked about: the budget of the run (options.lookups.budget) went to hashes that say more';
  return { gaps, limits: [{ subject: counted(left), reason: beyondBudget, detail }] };
}

function errorRows(lookups: readonly Lookup[]): Gap[] {
  const failed = lookups.filter(({ status }) => status === 'error');
  const codes = [...new Set(failed.map(({ error }) => error?.code ?? 'error'))].sort();
  return codes.map((code) => {
    const rows = failed.filter(({ error }) => (error?.code ?? 'error') === code);
    const message = rows.find(({ error }) => error !== undefined)?.error?.message;
    return { subject: counted(rows.length), reason: code, ...(message === undefined ? {} : { detail: message }) };
  });
}

function counted(count: number): string {
  return `${count} ${count === 1 ? 'lookup' : 'lookups'}`;
}
