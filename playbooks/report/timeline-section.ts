import { code, prose } from './markdown-text.js';
import type { Report } from './model.js';
import { chosenRows, rowRank, type TimelineRow, timelineWords } from './timeline-row.js';

/** Events that the Markdown shows. */
const maxRows = 200;

/** The events that tell most, in the order of their times; those of paths that most containers have only in CSV and JSON. */
export function timelineSection({ timeline }: Pick<Report, 'timeline'>): string[] {
  if (timeline.total === 0) return [];
  const { shown, rest } = shownEvents(timeline, maxRows);
  const whole = timeline.listing === undefined ? 'in the evidence of this run' : `evidence ${code(timeline.listing)}`;
  return [
    '## Timeline',
    '',
    timelineWords,
    ...(rest === 0
      ? []
      : ['', `${rest} of ${timeline.total} events are not shown: paths that most containers have, and what tells least; the whole is ${whole}.`]),
    '',
    '| time (UTC) | of | event | container |',
    '|---|---|---|---|',
    ...shown.map(tableRow),
  ];
}

/** The events that tell most, but for those of paths that most containers have; and how many that leaves out. */
export function shownEvents({ total, rows }: Report['timeline'], max: number): { readonly shown: readonly TimelineRow[]; readonly rest: number } {
  const own = rows.filter(({ group }) => group === undefined).map((row) => ({ row, rank: rowRank(row) }));
  let left = max;
  const shown = chosenRows(own, () => left-- > 0).map(({ row }) => row);
  return { shown, rest: total - shown.length };
}

/** Whose event it is and what its time is, in words. */
export const timeTitles: Readonly<Record<TimelineRow['time'], string>> = {
  modified: 'file, content written',
  changed: 'file, last changed',
  'modified-and-changed': 'file, written',
  started: 'process',
  done: 'podtriage',
};

function tableRow(row: TimelineRow): string {
  const { at, what, where, detail, container, level } = row;
  const event = [
    prose(what),
    where === undefined ? '' : code(where),
    level === undefined ? '' : `**${level}**`,
    detail === undefined ? '' : `(${prose(detail, 400)})`,
  ];
  return `| ${[at, timeTitles[row.time], event.filter((part) => part !== '').join(' '), container === undefined ? '' : code(container)].join(' | ')} |`;
}
