import type { Report, ReportStep } from '../model.js';
import type { Part } from './part.js';
import { type HtmlValue, time } from './safe-html.js';
import { table } from './table.js';

const columns = [
  { title: 'Step', width: 'w11' },
  { title: 'Outcome', width: 'w8' },
  { title: 'Started (UTC)', width: 'w13' },
  { title: 'Finished (UTC)', width: 'w13' },
  { title: 'What it says' },
] as const;

/** What the playbook's steps did. */
export function stepPart({ steps }: Report): Part {
  return { id: 'steps', title: 'Steps', count: steps.length, body: table('Steps of the playbook in their order', columns, steps, cells) };
}

function cells({ name, status, startedAt, finishedAt, reason, error, detail, attempt }: ReportStep): HtmlValue[] {
  const tries = attempt !== undefined && attempt > 1 ? `attempt ${attempt}` : undefined;
  const words = [reason, error?.code, error?.message, detail, tries].filter((text) => text !== undefined);
  return [
    name,
    status.replace('-', ' '),
    startedAt === undefined ? '' : time(startedAt),
    finishedAt === undefined ? '' : time(finishedAt),
    words.join(': '),
  ];
}
