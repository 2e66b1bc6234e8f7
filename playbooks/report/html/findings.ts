import type { Report } from '../model.js';
import type { Part } from './part.js';
import { html } from './safe-html.js';
import { table } from './table.js';
import { level } from './words.js';

const columns = [
  { title: 'Level', width: 'w8' },
  { title: 'Weight', width: 'w6', number: true },
  { title: 'Rule', width: 'w13' },
  { title: 'Evidence' },
  { title: 'ATT&CK, suggested', width: 'w8' },
] as const;

/** The rules that fired, the heaviest first. */
export function findingPart({ findings, verdict }: Report): Part {
  const rows = table('Rules that fired, the heaviest first', columns, findings, ({ level: grade, weight, title, evidence, techniques }) => [
    level(grade),
    weight,
    title,
    evidence,
    techniques.join(', '),
  ]);
  const more = verdict.findingCount - findings.length;
  const body = html`${findings.length === 0 ? html`<p>No rule fired.</p>` : rows}${more > 0 ? html`<p>${more} more findings are not shown.</p>` : undefined}`;
  return { id: 'findings', title: 'Findings', count: verdict.findingCount, body };
}
