import type { Report } from '../model.js';
import { type TimelineRow, timelineWords } from '../timeline-row.js';
import { shownEvents, timeTitles } from '../timeline-section.js';
import type { Part } from './part.js';
import { code, type Html, html, time } from './safe-html.js';
import { table } from './table.js';
import { level } from './words.js';

const maxRows = 500;
const columns = [
  { title: 'Time (UTC)', width: 'w13' },
  { title: 'Of', width: 'w8' },
  { title: 'Event' },
  { title: 'Container', width: 'w8' },
] as const;

/** The pod's files and processes and what we did, in one order; where that is too long, what tells most. */
export function timelinePart({ timeline }: Report): Part {
  const { shown, rest } = shownEvents(timeline, maxRows);
  const whole = timeline.listing === undefined ? 'the evidence of this run' : html`evidence ${code(timeline.listing)} (timeline.csv)`;
  const note =
    rest === 0
      ? undefined
      : html`<p>${rest} of ${timeline.total} events are not shown: paths that most containers have, and beyond ${maxRows} what tells least. The whole is ${whole}.</p>`;
  const body = html`<p>${timelineWords}</p>
${note}${table('Events in the order of their times', columns, shown, cells)}`;
  return { id: 'timeline', title: 'Timeline', count: timeline.total, body };
}

function cells(row: TimelineRow): (Html | string)[] {
  const { at, what, where, detail, container, level: grade, entry } = row;
  const said = [detail, entry === undefined ? undefined : `custody entry ${entry}`].filter((text) => text !== undefined);
  return [
    time(at),
    timeTitles[row.time],
    html`${what} ${where === undefined ? undefined : code(where)} ${grade === undefined ? undefined : level(grade)}${said.length === 0 ? undefined : html` <small class="inline">${said.join('; ')}</small>`}`,
    container ?? '',
  ];
}
