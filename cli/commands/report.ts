import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { type Io, safeJson, safeLines } from '../io.js';

/** How a report is printed: `terminal` for people, the others as written. */
export const reportFormats = ['terminal', 'markdown', 'json'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** Prints a report to stdout. Throws `not-found` while there is none. */
export async function printReport(io: Io, client: ApiClient, run: string, format: ReportFormat): Promise<void> {
  if (format === 'json') {
    const parsed: unknown = JSON.parse(await client.report(run, 'json'));
    io.out(`${safeJson(parsed)}\n`);
    return;
  }
  io.out(`${safeLines(await client.report(run, 'markdown')).trimEnd()}\n`);
}

/** `podtriage report RUN`. */
export async function report(io: Io, client: ApiClient, run: string, format: ReportFormat): Promise<number> {
  await printReport(io, client, run, format);
  return exitCodes.ok;
}
