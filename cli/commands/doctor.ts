import { displayText } from '../../playbooks/domain/path-name.js';
import { exitCodes } from '../exit-codes.js';
import type { Io } from '../io.js';
import { table } from '../ui/table.js';

/** What a check has found; `todo` says how to mend it. */
export interface DoctorFinding {
  readonly ok: boolean | 'warn';
  readonly found: string;
  readonly todo?: string;
}

/** One thing that must be right before pods can be triaged. */
export interface DoctorCheck {
  readonly name: string;
  /** What it throws counts as a failure. */
  run(signal: AbortSignal): Promise<DoctorFinding>;
}

/** How long one check may take, in milliseconds. */
const checkWithinMs = 20_000;

/** Runs all checks at once and prints them as a table. Returns 1 when one of them failed; warnings do not fail. */
export async function doctor(io: Io, checks: readonly DoctorCheck[]): Promise<number> {
  const results = await Promise.all(checks.map(async (check) => ({ name: check.name, ...(await examine(check)) })));
  const rows = results.map(({ name, ok, found }) => [word(ok), name, found].map(displayText));
  io.out(table(rows));
  for (const { name, ok, todo } of results) if (ok !== true && todo !== undefined) io.out(`\n${displayText(name)}: ${displayText(todo)}\n`);
  return results.some(({ ok }) => ok === false) ? exitCodes.error : exitCodes.ok;
}

function word(ok: boolean | 'warn'): string {
  if (ok === 'warn') return 'warn';
  return ok ? 'ok' : 'FAIL';
}

async function examine(check: DoctorCheck): Promise<DoctorFinding> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), checkWithinMs);
  const late = new Promise<DoctorFinding>((resolve) => {
    limit.signal.addEventListener('abort', () => resolve({ ok: false, found: `no answer within ${checkWithinMs / 1_000} s` }), { once: true });
  });
  try {
    return await Promise.race([check.run(limit.signal), late]);
  } catch (error) {
    return { ok: false, found: error instanceof Error ? error.message : String(error) };
  } finally {
    clearTimeout(timer);
  }
}
