import type { KnownBlock } from '@slack/types';
import type { BatchEvent, MilestoneEvent, RunEvent } from '../../../playbooks/delivery/event.js';
import { escapeSlack, plainText } from '../../../playbooks/delivery/slack-text.js';

/** A message with its fallback, which Slack shows in notifications. */
export interface SlackMessage {
  readonly text: string;
  readonly blocks: KnownBlock[];
}

/** Limits of Slack's, in characters (https://docs.slack.dev/reference/block-kit/blocks). */
const headerChars = 150;
const sectionChars = 3_000;
const fieldChars = 300;

/**
 * The message that tells where a run or a batch stands. All in it is our own words, names of Kubernetes and what callers have said of the run, as plain text; nothing
 * that the suspect has named is in the event.
 * @param publicUrl where people find the API; without it there is no link
 */
export function slackMessage(event: MilestoneEvent, publicUrl?: string): SlackMessage {
  return event.type === 'batch.finished' ? batchMessage(event.data.batch, publicUrl) : runMessage(event.type, event.data.run, publicUrl);
}

function runMessage(milestone: Exclude<MilestoneEvent['type'], 'batch.finished'>, run: RunEvent, publicUrl: string | undefined): SlackMessage {
  const { target, state, verdict = 'not judged yet', links } = run;
  const pod = `${target.namespace}/${target.pod}`;
  const fields: [string, string | undefined][] = [
    ['Verdict', verdict],
    ['State', run.completeness === undefined ? state : `${state}, ${run.completeness}`],
    ['Cluster', target.cluster],
    ['Container', target.container],
    ['Playbook', run.playbook],
    ['Case', run.caseId],
    ['Run', run.id],
  ];
  return {
    text: escapeSlack(`Triage of ${pod}: ${said[milestone]} Verdict: ${verdict}.`),
    blocks: [
      { type: 'header', text: plainText(`Triage of ${pod}`, headerChars) },
      section(said[milestone]),
      fieldsOf(fields),
      section(countsOf(run)),
      ...(run.rules === undefined || run.rules.length === 0 ? [] : [section(rulesOf(run.rules))]),
      ...(run.amendment === undefined ? [] : [section(amendedBy(run.amendment))]),
      ...linkTo(links.report ?? links.run, links.report === undefined ? 'The run' : 'The report', publicUrl),
    ],
  };
}

const said: Readonly<Record<Exclude<MilestoneEvent['type'], 'batch.finished'>, string>> = {
  'acquisition.finished': 'The evidence is taken: the pod may now be killed.',
  'verdict.ready': 'The run is judged; its report is being written.',
  'report.written': 'The report is written.',
  'run.amended': 'Answers have come in late: there is a new version of the report.',
};

function batchMessage({ id, state, cluster, caseId, counts, links }: BatchEvent, publicUrl: string | undefined): SlackMessage {
  const pods = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
  return {
    text: escapeSlack(`Batch ${id} has ended: ${state}.`),
    blocks: [
      { type: 'header', text: plainText('A batch has ended', headerChars) },
      fieldsOf([
        ['State', state],
        ['Cluster', cluster],
        ['Case', caseId],
        ['Batch', id],
      ]),
      section(`Pods: ${pods.length === 0 ? 'none' : pods.join(' · ')}`),
      ...linkTo(links.report ?? links.batch, links.report === undefined ? 'The batch' : 'The report', publicUrl),
    ],
  };
}

function section(text: string): KnownBlock {
  return { type: 'section', text: plainText(text, sectionChars) };
}

function fieldsOf(fields: readonly [string, string | undefined][]): KnownBlock {
  const known = fields.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [plainText(`${name}\n${value}`, fieldChars)]));
  return { type: 'section', fields: known };
}

function countsOf({ counts: { changes, artifacts, findings, lookups, gaps } }: RunEvent): string {
  const numbers = { changes, artifacts, findings, gaps };
  const parts = Object.entries(numbers).flatMap(([what, count]) => (count === undefined ? [] : [`${what} ${count}`]));
  const hashes = Object.entries(lookups ?? {}).map(([what, count]) => `${what} ${count}`);
  return `${parts.join(' · ')}${hashes.length === 0 ? '' : `\nhashes: ${hashes.join(' · ')}`}`;
}

function rulesOf(rules: NonNullable<RunEvent['rules']>): string {
  return rules.map(({ level, title, findings }) => `${level}: ${title}${findings > 1 ? ` (${findings})` : ''}`).join('\n');
}

function amendedBy({ answered, pending, verdictBefore }: NonNullable<RunEvent['amendment']>): string {
  return `Answers: ${answered} new, ${pending} still missing. The verdict before was ${verdictBefore}.`;
}

/** The one place with markup: the address is the installation's, and its path ours. */
function linkTo(path: string, name: string, publicUrl: string | undefined): KnownBlock[] {
  if (publicUrl === undefined) return [];
  const url = new URL(`${publicUrl.replace(/\/+$/, '')}${path}`).href.replaceAll('|', '%7C').replaceAll('&', '&amp;');
  return [{ type: 'section', text: { type: 'mrkdwn', text: `<${url}|${name}>` } }];
}
