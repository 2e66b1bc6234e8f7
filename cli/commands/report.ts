import picocolors from 'picocolors';
import { TriageError } from '../../playbooks/domain/error.js';
import { reportSchema } from '../../playbooks/report/model.js';
import { terminalReport } from '../../playbooks/report/terminal.js';
import type { ApiClient } from '../client.js';
import { exitCodes } from '../exit-codes.js';
import { type Io, safeJson, safeLines } from '../io.js';

/** How a report is printed: `terminal` in short for people, `summary` in short for machines, `csv` the timeline alone, the others in full. */
export const reportFormats = ['terminal', 'markdown', 'json', 'html', 'csv', 'summary'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** Prints a report to stdout. Throws `not-found` while there is none. */
export async function printReport(io: Io, client: ApiClient, run: string, format: ReportFormat, version?: number): Promise<void> {
  if (format === 'markdown') {
    io.out(await markdown(client, run, version));
    return;
  }
  if (format === 'html' || format === 'csv') {
    await printText(io, client.reportText(run, format, version));
    return;
  }
  if (format === 'summary') {
    if (version !== undefined) throw new TriageError('invalid-request', 'a summary is of the newest report: leave out --report-version');
    // On one line: so it stays below the size that it promises.
    io.out(`${safeJson(await client.summary(run), 0)}\n`);
    return;
  }
  const written: unknown = JSON.parse(await client.report(run, 'json', version));
  if (format === 'json') {
    io.out(`${safeJson(written)}\n`);
    return;
  }
  const report = reportSchema.safeParse(written);
  // A report of another version of the service: its Markdown can be read all the same.
  if (report.success) io.out(`${terminalReport(report.data, picocolors.createColors(io.colour)).join('\n')}\n`);
  else io.out(await markdown(client, run, version));
}

/** Line by line, byte for byte what the service sent: what would have to be made safe to print is in no report of ours. */
async function printText(io: Io, text: AsyncIterable<string>): Promise<void> {
  let rest = '';
  for await (const part of text) {
    const lines = `${rest}${part}`;
    const end = lines.lastIndexOf('\n') + 1;
    rest = lines.slice(end);
    if (end > 0) io.out(safeLines(lines.slice(0, end)));
  }
  if (rest !== '') io.out(safeLines(rest));
}

async function markdown(client: ApiClient, run: string, version: number | undefined): Promise<string> {
  return `${safeLines(await client.report(run, 'markdown', version)).trimEnd()}\n`;
}

/** `podtriage report RUN`. */
export async function report(io: Io, client: ApiClient, run: string, format: ReportFormat, version?: number): Promise<number> {
  await printReport(io, client, run, format, version);
  return exitCodes.ok;
}
